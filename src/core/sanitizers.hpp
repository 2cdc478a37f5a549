// Sanitizers: PGANALYTICS_SANITIZED is 1 in a build for sanitizers or valgrind. Such a build has no
// memory limit and no sandbox: shadow memory exceeds the limit, and the system calls of these tools
// violate the sandbox.
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
