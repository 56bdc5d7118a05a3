//! The same against the newest major that is tested, at the other end of the supported range.

#[path = "codec_oracle/main.rs"]
mod oracle;
