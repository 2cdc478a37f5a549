#include "courier/libraries.hpp"

#include <curl/curl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace pganalytics::courier {
namespace {

void WipeAndFree(void* memory) {
    if (memory == nullptr) return;
    OPENSSL_cleanse(memory, malloc_usable_size(memory));
    std::free(memory);
}

void* Resize(void* memory, size_t size) {
    if (memory == nullptr) return std::malloc(size);
    const size_t before = malloc_usable_size(memory);
    if (size != 0 && size <= before) return memory;
    void* const larger = std::malloc(size);
    if (larger == nullptr) return nullptr;
    std::memcpy(larger, memory, std::min(before, size));
    WipeAndFree(memory);
    return larger;
}

void* OpenSslAllocate(size_t size, const char*, int) { return std::malloc(size); }
void* OpenSslResize(void* memory, size_t size, const char*, int) {
    if (size != 0) return Resize(memory, size);
    WipeAndFree(memory);
    return nullptr;
}
void OpenSslFree(void* memory, const char*, int) { WipeAndFree(memory); }

}  // namespace

bool StartLibraries() {
    return CRYPTO_set_mem_functions(&OpenSslAllocate, &OpenSslResize, &OpenSslFree) == 1 &&
           OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, nullptr) == 1 &&
           curl_global_init_mem(CURL_GLOBAL_DEFAULT, &std::malloc, &WipeAndFree, &Resize, &strdup,
                                &calloc) == CURLE_OK;
}

}  // namespace pganalytics::courier
