//! Names and passwords that nobody can guess.

use std::path::Path;

use crate::Error;
use crate::error::Doing;

/// 128 random bits as 32 hexadecimal digits: no character of it needs quoting anywhere.
pub(crate) fn hex() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(std::io::Error::from)
        .doing("read random bytes from", Path::new("the system"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_different() {
        let (a, b) = (hex().unwrap(), hex().unwrap());
        assert_eq!(a.len(), 32);
        assert!(a.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(a, b);
    }
}
