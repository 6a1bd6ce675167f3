//! Standard Webhooks 1.0.0 signatures.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// The keys that sign a webhook. Shows nothing of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    keys: Vec<Vec<u8>>,
}

/// Why a text is no secret. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// No key in it.
    Empty,
    /// What follows `whsec_` in this key (from 1) is not base64.
    Base64(usize),
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the webhook secret is empty"),
            Self::Base64(n) => {
                write!(f, "what follows `whsec_` in key {n} of the webhook secret is not base64")
            }
        }
    }
}

impl std::error::Error for SecretError {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} keys)", self.keys.len())
    }
}

impl Secret {
    /// From `whsec_<base64>` or any other text, taken as it is. While keys are being changed,
    /// several, separated by spaces: each signs.
    ///
    /// # Errors
    /// When there is no key, or one that says it is base64 and is not.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let key = |(i, word): (usize, &str)| match word.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| SecretError::Base64(i + 1)),
            None => Ok(word.as_bytes().to_vec()),
        };
        let keys = text.split_whitespace().enumerate().map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.iter().any(Vec::is_empty) || keys.is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self { keys })
    }

    /// The value of `webhook-signature`: one `v1,<base64>` for each key.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let sign = |key: &Vec<u8>| {
            // HMAC takes keys of any length.
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body.as_bytes());
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        self.keys.iter().filter_map(sign).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's own test suite.
    #[test]
    fn the_published_example_signs_as_published() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_key_signs_and_none_is_shown() {
        let secret = Secret::parse(" old  whsec_bmV3 ").unwrap();
        assert_eq!(secret.sign("a", 1, "b").split(' ').count(), 2);
        assert_eq!(format!("{secret:?}"), "Secret(2 keys)");
        assert_eq!(Secret::parse("  "), Err(SecretError::Empty));
        assert_eq!(Secret::parse("whsec_"), Err(SecretError::Empty));
        assert_eq!(Secret::parse("ok whsec_!!"), Err(SecretError::Base64(2)));
    }
}
