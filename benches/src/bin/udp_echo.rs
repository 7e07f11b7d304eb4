//! A bare batched echo: what a UDP server costs that does nothing but receive and send, the floor under any tracker.
//!
//! `udp_echo ADDRESS [LENGTH]` sends each datagram back, cut or padded to `LENGTH` bytes if one is given.

use std::net::SocketAddr;

use chihaya::sys::Messages;
use chihaya::units::Size;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().expect("ADDRESS").parse().expect("an address and port");
    let length: Option<usize> = arguments.next().map(|length| length.parse().expect("a number of bytes"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async {
        let socket = chihaya::udp::bind(address, Size::mebibytes(8)).expect("the address is free");
        let socket = UdpSocket::from_std(socket).expect("within the runtime");
        println!("ready");
        let mut messages = Messages::new(64);
        loop {
            socket.readable().await.expect("the runtime lives");
            let inner = SockRef::from(&socket);
            if socket.try_io(Interest::READABLE, || messages.receive(&inner)).is_err() {
                continue;
            }
            for index in 0..messages.count() {
                let reply = length.unwrap_or_else(|| messages.payload(index).len());
                messages.reply(index, reply);
            }
            messages.send(&inner);
        }
    });
}
