#![no_main]

// The reader catches a panic of the parser below it; libFuzzer's own hook would abort before that.
libfuzzer_sys::fuzz_target!(init: drop(std::panic::take_hook()), |bytes: &[u8]| {
    scenellm_fuzz::gguf(bytes)
});
