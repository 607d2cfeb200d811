#include "gateway/auth/issue.hpp"

#include "gateway/api/json.hpp"
#include "gateway/auth/token.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t longest_name = 200;

/// Users are told apart by this in logs and lists, so it must be readable there.
result<void> check_user(const std::string& text) {
  constexpr std::size_t longest = 64;
  const bool good = !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"-_.@"}.find(c) != std::string_view::npos;
  });
  if (!good)
    return {ec::invalid_argument, "'user': expected 1 to 64 letters, digits, '-', '_', '.' or '@'"};
  return {};
}

/// As host names: an agent's name is checked in the same way when it joins.
result<void> check_node(const token_request& x) {
  constexpr std::size_t longest = 253;
  if (x.node.empty())
    return {};
  if (x.role != "node")
    return {ec::invalid_argument, "'node' goes with the role node"};
  const bool good = x.node.size() <= longest && std::all_of(x.node.begin(), x.node.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             std::string_view{"-_."}.find(c) != std::string_view::npos;
                    });
  if (!good)
    return {ec::invalid_argument, "'node': expected at most 253 letters, digits, '-', '_' and '.'"};
  return {};
}

} // namespace

result<issued_token> issue_token(const token_request& x, timestamp now) {
  if (auto good = check_user(x.user); !good)
    return good.failure();
  if (x.name.size() > longest_name)
    return {ec::limit_exceeded, "'name' is longer than 200 bytes"};
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7F; };
  if (std::any_of(x.name.begin(), x.name.end(), is_control))
    return {ec::invalid_argument, "'name' has a control character"};
  issued_token out;
  out.record.role = store::role_from(x.role);
  if (out.record.role == store::role::unspecified)
    return {ec::invalid_argument, "'role': expected viewer, user, admin or node, found '" + x.role.substr(0, 40) + "'"};
  if (auto good = check_node(x); !good)
    return good.failure();
  out.token = new_token();
  out.record.id = new_token_id();
  out.record.hash = hash_of_token(out.token);
  out.record.name = x.name;
  out.record.user = x.user;
  out.record.node = x.node;
  out.record.created = now;
  if (x.lifetime)
    out.record.expires = now + *x.lifetime;
  return out;
}

json json_of(const store::token_record& x) {
  return {{"id", x.id},
          {"name", x.name},
          {"user", x.user},
          {"role", to_string(x.role)},
          {"node", x.node.empty() ? json(nullptr) : json(x.node)},
          {"created", json_of(std::optional{x.created})},
          {"expires", json_of(x.expires)},
          {"last_used", json_of(x.last_used)},
          {"revoked", json_of(x.revoked)}};
}

json json_of(const issued_token& x) {
  auto out = json_of(x.record);
  out["token"] = x.token;
  return out;
}

} // namespace muster::gateway
