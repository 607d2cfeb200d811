#pragma once

#include "support/fake_engine_model.hpp"

/// How the Engine words its answers and understands its questions.
namespace muster::test::engine_model {

constexpr std::int64_t second = 1'000'000'000; ///< In ns.

reply refusal(int status, const std::string& message);
reply answer(int status, const json& body);
reply nothing(int status);
/// `/a/b` into `a`, `b`.
std::vector<std::string> split(const std::string& path);
/// A parameter of the query.
std::string value(const engine_call& call, const std::string& name, const std::string& absent = {});
bool flag(const engine_call& call, const std::string& name);
/// RFC 3339 with nine digits, as the Engine writes it.
std::string timestamp(std::int64_t time);
/// `1700000000` or `1700000000.000000001`.
std::int64_t parse_time(const std::string& text);
/// `filters` for a thing of one word: absent, all pass.
bool passes_word(const engine_call& call, const char* key, const std::string& word);
/// `filters={"label":["a=b","c"],"name":[...]}` over labels, names and ids.
bool passes(const engine_call& call, const std::string& name, const std::string& id,
            const std::map<std::string, std::string>& labels);
std::map<std::string, std::string> labels_of(const json& body);
/// One frame of a log: a head of eight bytes, then the text.
std::string frame(const log_line& line, bool with_time);
/// The name of an image, with this tag where it has none.
std::string with_tag(const std::string& name, const std::string& tag = "latest");
/// Of a network, as it was asked for; empty if it was not.
std::string subnet_of(const json& create);

} // namespace muster::test::engine_model
