//! Connection ids: proof that a client receives at its source address, without keeping anything per client.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::wire::udp::{ConnectionId, PROTOCOL_MAGIC};

/// What ids are signed with.
#[derive(Clone, Copy)]
pub struct Secret(pub [u8; 16]);

/// The secrets whose ids are accepted, the newest of which signs new ones. A value: rotating makes the next one.
#[derive(Clone)]
pub struct ConnectionIds {
    /// At the index of its generation modulo 4; `None` where not yet there. Those that have been given up stay until their place is
    /// needed, to tell an id that has expired from one that never was.
    secrets: [Option<SipHasher24>; GENERATIONS],
    current: usize,
    /// How many are accepted, and which.
    generations: usize,
    accepted: [bool; GENERATIONS],
}

/// Why an id is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadId {
    /// It is none that this client was ever given, or so long ago that nobody can tell.
    Unknown,
    /// It was its, and has been given up.
    Expired,
}

impl ConnectionIds {
    /// Signs with `secret`, and will accept the ids of the `generations` newest secrets, 2 to 4.
    pub fn new(secret: Secret, generations: usize) -> Self {
        let mut secrets = [None; GENERATIONS];
        secrets[0] = Some(SipHasher24::new_with_key(&secret.0));
        Self { secrets, current: 0, generations: generations.clamp(2, GENERATIONS), accepted: [true; GENERATIONS] }
    }

    /// From now on signs with `secret`; the oldest is no longer accepted.
    #[must_use]
    pub fn rotate(&self, secret: Secret) -> Self {
        let mut next = self.clone();
        next.current = (self.current + 1) % GENERATIONS;
        next.secrets[next.current] = Some(SipHasher24::new_with_key(&secret.0));
        for generation in 0..GENERATIONS {
            let age = (next.current + GENERATIONS - generation) % GENERATIONS;
            next.accepted[generation] = age < next.generations;
        }
        next
    }

    /// Issues the id `client` must show, accepted until its secret has been rotated out.
    ///
    /// A keyed hash of the address: nothing is stored per client, and a NAT may change the port.
    pub fn issue(&self, client: IpAddr) -> ConnectionId {
        self.sign(client, self.current).unwrap_or_else(|| unreachable!("the current secret is always there"))
    }

    /// Whether `id` was issued to `client` under a secret that is still accepted.
    pub fn accept(&self, client: IpAddr, id: ConnectionId) -> bool {
        self.check(client, id).is_ok()
    }

    /// The same, with the reason. One hash, whatever the answer.
    ///
    /// # Errors
    ///
    /// Why it is not accepted. An id expires unnoticed where all four generations are accepted: then no secret is left over.
    pub fn check(&self, client: IpAddr, id: ConnectionId) -> Result<(), BadId> {
        let generation = (id.0.get() & GENERATION_MASK) as usize;
        match self.sign(client, generation) == Some(id) {
            true if self.accepted[generation] => Ok(()),
            true => Err(BadId::Expired),
            false => Err(BadId::Unknown),
        }
    }

    /// SipHash-2-4 of the address, [marked](mark) with the secret's generation.
    fn sign(&self, client: IpAddr, generation: usize) -> Option<ConnectionId> {
        let secret = self.secrets[generation].as_ref()?;
        let hash = match client.to_canonical() {
            IpAddr::V4(v4) => secret.hash(&v4.octets()),
            // Clients cache an id per tracker while their privacy addresses come and go within a /64.
            IpAddr::V6(v6) => secret.hash(&v6.octets()[..8]),
        };
        Some(ConnectionId(mark(hash, generation).into()))
    }
}

/// The hash with its two low bits replaced by the generation.
fn mark(hash: u64, generation: usize) -> u64 {
    let id = hash & !GENERATION_MASK | generation as u64;
    // Some clients take 0 for "not connected"; the magic would look like a connect.
    if id == 0 || id == PROTOCOL_MAGIC { id | 1 << 63 } else { id }
}

/// As many as two bits can tell apart.
const GENERATIONS: usize = 4;
const GENERATION_MASK: u64 = GENERATIONS as u64 - 1;

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn ids(secret: u8, generations: usize) -> ConnectionIds {
        ConnectionIds::new(Secret([secret; 16]), generations)
    }

    #[test]
    fn an_id_outlives_two_rotations_but_not_three() {
        let ids = ids(1, 3);
        let id = ids.issue(CLIENT);
        let ids = ids.rotate(Secret([2; 16])).rotate(Secret([3; 16]));
        assert!(ids.accept(CLIENT, id));
        let ids = ids.rotate(Secret([4; 16]));
        assert!(!ids.accept(CLIENT, id));
    }

    #[test]
    fn an_id_that_was_given_up_is_known_for_a_while() {
        let secret = |number| Secret([number; 16]);
        for (generations, known) in [(2, 4), (3, 4), (4, 4)] {
            let mut ids = ids(0, generations);
            let id = ids.issue(CLIENT);
            for age in 1..9 {
                ids = ids.rotate(secret(age));
                let age = usize::from(age);
                let verdict = match age {
                    _ if age < generations => Ok(()),
                    _ if age < known => Err(BadId::Expired),
                    _ => Err(BadId::Unknown),
                };
                assert_eq!(ids.check(CLIENT, id), verdict, "{generations} {age}");
            }
        }
    }

    #[test]
    fn an_id_lives_for_as_many_generations_as_are_accepted() {
        for generations in 2..=4 {
            let mut ids = ids(0, generations);
            // Around the generations several times, so that every two-bit mark is used again.
            for round in 1..20 {
                let id = ids.issue(CLIENT);
                let mut later = ids.clone();
                for age in 1..=generations {
                    later = later.rotate(Secret([round + u8::try_from(age).unwrap() * 20; 16]));
                    assert_eq!(later.accept(CLIENT, id), age < generations, "{generations} {round} {age}");
                }
                ids = ids.rotate(Secret([round; 16]));
            }
        }
    }

    #[test]
    fn an_id_is_the_address_alone_whose_it_is() {
        let ids = ids(1, 3);
        let id = ids.issue(CLIENT);
        assert!(ids.accept("::ffff:192.0.2.1".parse().unwrap(), id));
        assert!(!ids.accept("192.0.2.2".parse().unwrap(), id));
        for bit in 0..64 {
            assert!(!ids.accept(CLIENT, ConnectionId((id.0.get() ^ (1 << bit)).into())), "{bit}");
        }
    }

    #[test]
    fn an_ipv6_id_belongs_to_the_clients_64() {
        let ids = ids(1, 3);
        let id = ids.issue("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert!(ids.accept("2001:db8:1:2:ffff::1".parse().unwrap(), id));
        assert!(!ids.accept("2001:db8:1:3:3:4:5:6".parse().unwrap(), id));
    }

    #[test]
    fn an_id_is_neither_0_nor_the_magic() {
        for taken in [0, PROTOCOL_MAGIC] {
            assert_eq!(mark(taken | 3, 0), taken | 1 << 63);
            assert_eq!(mark(taken, 1), taken | 1);
        }
        assert_eq!(mark(u64::MAX, 2), u64::MAX - 1);
    }

    #[test]
    fn ids_of_another_secret_are_not_accepted() {
        assert!(!ids(2, 3).accept(CLIENT, ids(1, 3).issue(CLIENT)));
    }
}
