#![no_main]

#[path = "../pack.rs"]
mod pack;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pack::read(data));
