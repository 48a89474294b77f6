//! Passwords of roles: made here, and sent as what verifies them, so that no log of the server's has one.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// PostgreSQL's own number of rounds. What is made here has 244 random bits, to which rounds add nothing.
const ROUNDS: u32 = 4096;

/// What a server keeps of a password (RFC 5803), in parts.
pub(super) struct Verifier {
    pub(super) rounds: i32,
    pub(super) salt: Vec<u8>,
    pub(super) stored_key: Vec<u8>,
    pub(super) server_key: Vec<u8>,
}

/// A new password: two random UUIDs, from the kernel's generator.
pub(super) fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

pub(super) fn verifier(password: &str, salt: [u8; 16]) -> Verifier {
    let salted = salted(password.as_bytes(), &salt);
    let client_key = mac(&salted, &[b"Client Key"]);
    Verifier {
        rounds: ROUNDS as i32,
        salt: salt.to_vec(),
        stored_key: Sha256::digest(client_key).to_vec(),
        server_key: mac(&salted, &[b"Server Key"]).to_vec(),
    }
}

/// PBKDF2 with one block.
fn salted(password: &[u8], salt: &[u8]) -> [u8; 32] {
    let mut last = mac(password, &[salt, &1_u32.to_be_bytes()]);
    let mut sum = last;
    for _ in 1..ROUNDS {
        last = mac(password, &[&last]);
        sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
    }
    sum
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length")
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677.
    #[test]
    fn keys_are_those_of_the_standard() {
        let salt = [
            0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81,
        ];
        let salted = salted(b"pencil", &salt);
        let hex: String = salted.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d"
        );
    }

    #[test]
    fn passwords_differ_and_fit_into_an_address() {
        let (one, other) = (random(), random());
        assert_ne!(one, other);
        assert!(one.len() == 64 && one.bytes().all(|b| b.is_ascii_alphanumeric()));
    }
}
