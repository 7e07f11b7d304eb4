//! `[udp]`: where datagrams are received and how long connection ids live.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::units::{Period, Size};

/// `[udp]`.
#[derive(Clone, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses to receive on; none turns UDP off.
    pub listen: Vec<SocketAddr>,
    /// Bytes the kernel may queue per socket.
    pub receive_buffer: Size,
    /// How often the secret behind connection ids is replaced.
    pub connection_id_rotation: Period,
    /// How many secrets, the present one included, are accepted: 2 to 4.
    pub connection_id_generations: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![([0, 0, 0, 0], 6969).into(), ([0_u16; 8], 6969).into()],
            receive_buffer: Size::mebibytes(8),
            connection_id_rotation: Period::minutes(3),
            connection_id_generations: 3,
        }
    }
}
