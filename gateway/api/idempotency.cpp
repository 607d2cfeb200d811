#include "gateway/api/idempotency.hpp"

#include "gateway/api/json.hpp"
#include "muster/base/sha256.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

/// None if the request has no key.
result<std::optional<std::string>> key_of(const http::request& x) {
  constexpr std::size_t longest = 255;
  const auto header = x.header("Idempotency-Key");
  if (!header)
    return std::optional<std::string>{};
  const bool printable = std::all_of(header->begin(), header->end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (header->empty() || header->size() > longest || !printable)
    return {ec::invalid_argument, "Idempotency-Key: expected 1 to 255 printable characters of ASCII"};
  return std::optional{std::string{*header}};
}

/// What was accepted under this key before, if it is remembered.
result<std::optional<store::idempotency_record>> remembered(call& x, const std::string& key) {
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  auto found = (*reader)->idempotent(x.who.user, key);
  x.release();
  if (found && *found && x.with.now() - (*found)->created >= store::idempotency_span)
    found->reset();
  return found;
}

} // namespace

std::string digest_of(const submit_request& x) {
  sha256 digest;
  digest.add_field("submit");
  digest.add_field(x.spec);
  digest.add_field(options_of(x));
  for (const auto& [name, content] : x.files) {
    digest.add_field(name);
    digest.add_field(content);
  }
  return digest.hex();
}

std::string digest_of_restart(const std::string& id) {
  sha256 digest;
  digest.add_field("restart");
  digest.add_field(id);
  return digest.hex();
}

std::optional<http::response> earlier_answer(call& x, const digest_source& digest) {
  const auto key = key_of(x.request);
  if (!key || !*key)
    return std::nullopt;
  const auto found = remembered(x, **key);
  if (!found || !*found)
    return std::nullopt;
  const auto own = digest();
  if (!own || (*found)->sent.digest != *own)
    return std::nullopt; // What is wrong is found again, and said.
  auto body = json_of_text((*found)->sent.answer);
  return accepted((*found)->id, body.is_object() ? std::move(body) : json::object(), true);
}

result<std::optional<store::idempotency_key>> claim_key(call& x, const std::string& digest) {
  auto key = key_of(x.request);
  if (!key)
    return key.failure();
  if (!*key)
    return std::optional<store::idempotency_key>{};
  const auto before = remembered(x, **key);
  if (!before)
    return before.failure();
  if (*before && (*before)->sent.digest != digest)
    return error{ec::idempotency_mismatch,
                 "this Idempotency-Key was used for another request, which became " + (*before)->id};
  return std::optional{store::idempotency_key{x.who.user, std::move(**key), digest, {}}};
}

http::response accepted(const std::string& id, json body, bool replayed) {
  body["id"] = id;
  auto out = json_response(replayed ? 200 : 201, body);
  out.headers.emplace("Location", "/v1/workflows/" + id);
  if (replayed)
    out.headers.emplace("Idempotent-Replayed", "true");
  return out;
}

} // namespace muster::gateway
