// Sanitizers: whether this build is for them or for valgrind. Their shadow memory and their system
// calls fit neither the bound on memory nor the sandbox.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(PGANALYTICS_VALGRIND)
#define PGANALYTICS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PGANALYTICS_SANITIZED 1
#endif
#endif
#ifndef PGANALYTICS_SANITIZED
#define PGANALYTICS_SANITIZED 0
#endif
