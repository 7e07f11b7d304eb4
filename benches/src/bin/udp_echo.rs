//! A bare batched echo: what a UDP server costs that does nothing but receive and send, the floor under any tracker.
//!
//! `udp_echo ADDRESS` answers each request with as many bytes as a tracker would (BEP 15), and with the request's
//! action and transaction id, so that a load generator need not know that it is none. How long the reply to an
//! announce is, it reads from the `key` field, where the generator writes it. A wildcard address costs what it costs
//! a tracker: the kernel tells which address was asked, and is told which to reply from.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use chihaya::sys::Messages;
use chihaya::units::Size;
use chihaya_benches::arguments;
use clap::Parser;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Answer UDP requests as a tracker would (BEP 15), from no data: the floor for udp_load to compare with.
#[derive(Parser)]
#[command(name = "udp_echo")]
struct Options {
    /// Address and port to listen at, such as 127.0.0.1:7000
    #[arg(value_parser = arguments::address)]
    address: SocketAddr,
}

fn main() -> ExitCode {
    arguments::run(serve)
}

fn serve(Options { address }: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let socket = chihaya::udp::bind(address, Size::mebibytes(8)).with_context(|| address.to_string())?;
        let socket = UdpSocket::from_std(socket)?;
        let mut messages = Messages::new(64);
        loop {
            socket.readable().await?;
            let inner = SockRef::from(&socket);
            if socket.try_io(Interest::READABLE, || messages.receive(&inner)).is_err() {
                continue;
            }
            for index in 0..messages.count() {
                let length = reply_length(messages.payload(index));
                messages.buffer(index).copy_within(8..16, 0);
                messages.reply(index, length);
            }
            messages.send(&inner);
        }
    })
}

/// The length of the reply to a request; 0 to what is none.
fn reply_length(request: &[u8]) -> usize {
    match (request.get(11), request.get(88..92)) {
        (Some(0), _) => 16,
        (Some(1), Some(&[_, _, high, low])) => u16::from_be_bytes([high, low]).into(),
        (Some(2), _) => 8 + (request.len() - 16) / 20 * 12,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use tracker_client::Announce;
    use tracker_client::udp::packet;

    use super::*;

    #[test]
    fn replies_are_as_long_as_a_trackers() {
        assert_eq!(reply_length(&packet::connect(7)), 16);
        assert_eq!(reply_length(&packet::announce(1, 7, &Announce::new([0; 20], 80).key(1_220), &[])), 1_220);
        assert_eq!(reply_length(&packet::scrape(1, 7, &[[0; 20]; 74])), 896);
        assert_eq!(reply_length(b"noise"), 0);
    }
}
