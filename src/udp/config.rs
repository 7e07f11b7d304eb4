//! `[udp]`: where datagrams are received and how long connection ids live.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::tracker::ConfigError;
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

impl Config {
    /// Whether every value makes sense, by itself and beside the others.
    ///
    /// # Errors
    ///
    /// The first that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (buffer, rotation) = (self.receive_buffer, self.connection_id_rotation);
        if buffer < LEAST_BUFFER || buffer > MOST_BUFFER {
            let message = format!("\"{buffer}\" is out of range; choose \"{LEAST_BUFFER}\" to \"{MOST_BUFFER}\"");
            return Err(ConfigError { key: "receive_buffer", message });
        }
        let generations = self.connection_id_generations;
        if !(2..=4).contains(&generations) {
            let message = format!("{generations} is out of range; choose 2 to 4");
            return Err(ConfigError { key: "connection_id_generations", message });
        }
        if rotation > LONGEST_ROTATION {
            let message = format!("\"{rotation}\" is too long to keep a secret; choose at most \"{LONGEST_ROTATION}\"");
            return Err(ConfigError { key: "connection_id_rotation", message });
        }
        let life = Period((1..generations).map(|_| rotation.0).sum());
        if life < SHORTEST_LIFE {
            let message = format!(
                "\"{rotation}\" lets connection ids expire after \"{life}\", and they must last \"{SHORTEST_LIFE}\" \
                 (BEP 15); raise it, or raise connection_id_generations"
            );
            return Err(ConfigError { key: "connection_id_rotation", message });
        }
        Ok(())
    }
}

/// The kernel rounds anything smaller up; 0 would ask for nothing.
const LEAST_BUFFER: Size = Size(1);

/// The kernel takes the number as a signed one of 32 bits, and doubles it.
const MOST_BUFFER: Size = Size(1 << 30);

/// Who has learnt a secret can forge ids for as long as it holds.
const LONGEST_ROTATION: Period = Period::minutes(24 * 60);

/// A client uses an id for a minute, and the tracker accepts it for at least two (BEP 15, "Connection id").
const SHORTEST_LIFE: Period = Period::minutes(2);
