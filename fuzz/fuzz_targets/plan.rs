#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    convolve_fuzz::fuzz_support::plan::check(data);
});
