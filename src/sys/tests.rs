use std::net::UdpSocket;
use std::time::Duration;

use socket2::SockRef;

use super::*;

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

/// The same conversation with whichever implementation: several datagrams, some answered, in one batch.
macro_rules! conversation {
    ($name:ident, $messages:ty) => {
        #[test]
        fn $name() {
            for address in ["127.0.0.1:0", "[::1]:0"] {
                let (server, client) = (socket(address), socket(address));
                server.set_nonblocking(true).unwrap();
                let server = SockRef::from(&server);
                let to = server.local_addr().unwrap().as_socket().unwrap();
                let mut messages = <$messages>::new(4);
                let nothing = messages.receive(&server).unwrap_err();
                assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
                for datagram in [&b"one"[..], b"", b"three", &[7; 3_000], b"five"] {
                    client.send_to(datagram, to).unwrap();
                }
                assert_eq!(messages.receive(&server).unwrap(), 4);
                let lengths = [0, 1, 2, 3].map(|index| messages.payload(index).len());
                assert_eq!(lengths, [3, 0, 5, PAYLOAD_LENGTH]);
                assert!((0..4).all(|index| messages.source(index) == client.local_addr().unwrap()));
                for index in [0, 2] {
                    messages.buffer(index)[0] = b'!';
                    messages.reply(index, messages.payload(index).len());
                }
                assert_eq!(messages.send(&server), Sent { sent: 2, failed: 0, bytes: 8 });
                for reply in [&b"!ne"[..], b"!hree"] {
                    let mut buffer = [0; 100];
                    let length = client.recv(&mut buffer).unwrap();
                    assert_eq!(&buffer[..length], reply);
                }
                assert_eq!(messages.receive(&server).unwrap(), 1);
                assert_eq!((messages.count(), messages.payload(0)), (1, &b"five"[..]));
                assert_eq!(messages.send(&server), Sent::default());
            }
        }
    };
}
conversation!(a_batch_is_received_and_answered_in_place, Messages);
conversation!(a_batch_is_received_and_answered_in_place_one_by_one, portable::Messages);

#[test]
#[cfg(target_os = "linux")]
fn replies_leave_from_the_address_that_was_asked() {
    let server = socket("0.0.0.0:0");
    let server = SockRef::from(&server);
    receive_packet_info(&server, false).unwrap();
    let port = server.local_addr().unwrap().as_socket().unwrap().port();
    let mut messages = Messages::new(4);
    for address in ["127.0.0.1", "127.0.0.2", "127.9.9.9"] {
        let client = socket("127.0.0.1:0");
        client.connect((address, port)).unwrap();
        client.send(b"?").unwrap();
        while messages.receive(&server).is_err() {}
        messages.reply(0, 1);
        assert_eq!(messages.send(&server).sent, 1);
        assert_eq!(client.recv(&mut [0]).unwrap(), 1, "{address}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn one_refused_reply_does_not_keep_the_others_back() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let server = SockRef::from(&server);
    let mut messages = Messages::new(4);
    for datagram in [b"a", b"b", b"c"] {
        client.send_to(datagram, server.local_addr().unwrap().as_socket().unwrap()).unwrap();
    }
    let mut received = 0;
    while received < 3 {
        received = messages.receive(&server).unwrap_or(received);
        assert!(received == 0 || received == 3, "loopback delivers at once");
    }
    (0..3).for_each(|index| messages.reply(index, 1));
    messages.refuse_for_test(1);
    let Sent { sent, failed, .. } = messages.send(&server);
    assert_eq!((sent, failed), (2, 1));
    let mut replies = [[0; 1]; 2];
    replies.iter_mut().for_each(|reply| assert_eq!(client.recv(reply).unwrap(), 1));
    assert_eq!(replies, [*b"a", *b"c"]);
}

#[test]
#[cfg(target_os = "linux")]
fn what_the_kernel_drops_is_told() {
    let (server, client) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
    let told = SockRef::from(&server);
    told.set_recv_buffer_size(1).unwrap();
    assert_eq!(receive_drops(&told).unwrap(), 0);
    for _ in 0..1_000 {
        client.send_to(&[0; 1_000], server.local_addr().unwrap()).unwrap();
    }
    server.set_nonblocking(true).unwrap();
    let received = std::iter::from_fn(|| server.recv(&mut [0; 1_000]).ok()).count();
    assert!(received < 1_000);
    assert_eq!(receive_drops(&told).unwrap() as usize, 1_000 - received);
}
