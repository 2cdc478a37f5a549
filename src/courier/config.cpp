#include "courier/config.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

#include "core/host_list.hpp"
#include "core/mail_address.hpp"

namespace pganalytics::courier {
namespace {

using core::Error;
using core::Result;

constexpr std::streamsize kMaxAuthorityBytes = 4 << 20;

bool IsPrintable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// HasCertificate returns whether the text holds a certificate. This is checked at the start,
// because libcurl would find the fault only at the first delivery and describe it less clearly.
bool HasCertificate(const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
    ERR_clear_error();
    return certificate != nullptr;
}

Result<std::string> ReadAuthorities(const std::string& file) {
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    std::ostringstream bytes;
    if (!in || !(bytes << in.rdbuf())) {
        return Error{"could not read \"" + file +
                     "\": " + std::strerror(errno != 0 ? errno : ENODATA)};
    }
    std::string pem = bytes.str();
    if (pem.size() > static_cast<size_t>(kMaxAuthorityBytes) || !HasCertificate(pem)) {
        return Error{"there is no PEM certificate in \"" + file + "\""};
    }
    return pem;
}

}  // namespace

Result<Config> MakeConfig(const protocol::CourierConfig& received, const std::string& host_name) {
    Config config;
    config.connect_timeout_ms = received.connect_timeout_ms;
    config.timeout_ms = received.timeout_ms;
    config.allowed_hosts = received.allowed_hosts;
    config.user_agent = received.user_agent;
    core::HostEntry host_entry;
    const bool named = core::ParseHostEntry(host_name, &host_entry) && host_entry.port == 0 &&
                       !host_entry.name.empty();
    config.host_name = named ? std::string(host_entry.name) : "localhost";
    config.mail_from = received.mail_from.empty() ? "pganalytics@" + config.host_name
                                                  : std::string(received.mail_from);
    if (config.connect_timeout_ms == 0 || config.timeout_ms == 0 ||
        !IsPrintable(config.user_agent)) {
        return Error{"the worker's configuration is out of range"};
    }
    if (!core::IsHostList(config.allowed_hosts)) {
        return Error{"pganalytics.alert_allowed_hosts is no list of hosts"};
    }
    std::string_view host;
    if (!core::SplitHostPort(received.smtp_relay, &host, &config.relay_port)) {
        return Error{"pganalytics.smtp_relay is no host with a port"};
    }
    config.relay_host = host;
    if (!core::IsMailAddress(config.mail_from)) {
        return Error{"pganalytics.alert_mail_from is no mail address"};
    }
    if (!received.ca_file.empty()) {
        auto authorities = ReadAuthorities(std::string(received.ca_file));
        if (!authorities) return authorities.error();
        config.authorities = std::move(*authorities);
    }
    return config;
}

}  // namespace pganalytics::courier
