#pragma once

#include "support/fake_engine_model.hpp"

/// HTTP/1.1 as the fake Engine reads and writes it.
namespace muster::test::engine_model {

/// The head of a request, without its blank line: `/v1.41/containers/json?all=1` goes into path and query, the version,
/// if any, into `version`. False where it makes no sense.
bool parse_head(const std::string& head, engine_call& call, std::string& version);
/// Takes a request, whose head is `head` bytes long, off the front of `in`, with its body; false while it is not whole.
bool take_body(std::string& in, std::size_t head, engine_call& call);
/// The head of an answer; `framing` says how long its body is.
std::string head_of(int status, const std::string& type, const std::string& framing, const std::string& version);
/// An answer, which promises `more` bytes than it has.
std::string whole(const reply& what, const std::string& version, std::size_t more = 0);
/// Bytes as a chunk; none for none, because an empty chunk is the end.
std::string chunk(const std::string& bytes);

} // namespace muster::test::engine_model
