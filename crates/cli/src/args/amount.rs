//! Amounts of bytes and rows on the command line.

use migrate_core::pipeline::Rate;

/// Bytes: a number with a unit of 1000 (`kB`, `MB`, `GB`, `TB`) or 1024 (`KiB`, `MiB`, `GiB`, `TiB`).
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    const HOW: &str = "write a number with a unit, such as 500MB or 8GiB";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| HOW.to_owned())?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => 1,
        "kb" | "k" => 1000,
        "mb" | "m" => 1000 * 1000,
        "gb" | "g" => 1000 * 1000 * 1000,
        "tb" | "t" => 1000 * 1000 * 1000 * 1000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(HOW.to_owned()),
    };
    match number.checked_mul(factor) {
        Some(0) | None => Err(HOW.to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

/// Bytes or rows in a second: `20MB`, `5000rows`.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    if let Some(number) = text.strip_suffix("rows") {
        let rows: u64 = number.trim().parse().unwrap_or(0);
        if rows == 0 {
            return Err("write a number of rows in a second, such as 5000rows".to_owned());
        }
        return Ok(Rate {
            rows: Some(rows),
            bytes: None,
        });
    }
    let bytes = bytes(text).map_err(|e| format!("{e}, or rows such as 5000rows"))?;
    Ok(Rate {
        bytes: Some(bytes),
        rows: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        assert_eq!(bytes("500MB"), Ok(500_000_000));
        assert_eq!(bytes("8 GiB"), Ok(8 << 30));
        assert_eq!(bytes("1b"), Ok(1));
        for wrong in [
            "",
            "8",
            "0MB",
            "GB",
            "-1GB",
            "1.5GB",
            "18446744073709551615TB",
            "5XB",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(rate("5000rows").unwrap().rows, Some(5000));
        assert_eq!(rate("20MB").unwrap().bytes, Some(20_000_000));
        assert!(rate("0rows").is_err() && rate("rows").is_err() && rate("20").is_err());
    }
}
