/* OpenSSL's coverage for the fuzzer.
 *
 * With -fsanitize-coverage=trace-pc GCC puts a call of __sanitizer_cov_trace_pc at each branch. libFuzzer's own function of
 * that name takes it for a value profile; build.rs has the linker lead the calls here, where they become coverage: libFuzzer
 * reads the counters of this section. Compiled without the flag, nothing calls it. */

#include <stdint.h>

#ifdef __clang__
#define PLAIN __attribute__((no_sanitize("address", "coverage")))
#else
#define PLAIN __attribute__((no_sanitize_address, no_sanitize_coverage))
#endif

#define COUNTERS (1 << 16)

__attribute__((section("__libfuzzer_extra_counters"), used)) static uint8_t counters[COUNTERS];

PLAIN void __wrap___sanitizer_cov_trace_pc(void)
{
    uintptr_t place = (uintptr_t)__builtin_return_address(0);

    counters[(place ^ place >> 16) % COUNTERS]++;
}

/* What libFuzzer does not have: comparisons of floating-point numbers. */
PLAIN void __sanitizer_cov_trace_cmpf(float one, float other) { (void)one, (void)other; }
PLAIN void __sanitizer_cov_trace_cmpd(double one, double other) { (void)one, (void)other; }
