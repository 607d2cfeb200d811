#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// YAML text as a flat tree. Read with libyaml, whose scanner and PyYAML's are one design, so that both take the same
/// texts.
namespace muster::spec::yaml {

/// Index of a node in its tree.
using node_id = std::uint32_t;

inline constexpr node_id no_node = 0xffffffffU;

enum class kind : std::uint8_t { scalar, sequence, mapping };

/// A place in the text, from 0; columns in code points.
struct mark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

/// A node; its children are a list linked by `next`. A mapping's children are key, value, key, value...
/// An alias is not a node: a child link says by which node it is stood for.
struct node {
  std::uint32_t text = 0; ///< Of a scalar: where its text starts in the tree's store.
  std::uint32_t size = 0; ///< Of a scalar: bytes of text. Else: number of children.
  std::uint32_t first_link = no_node;
  mark start;
  std::uint16_t tag = 0; ///< Index into the tree's tags; 0 is none.
  yaml::kind kind = yaml::kind::scalar;
  bool plain = false; ///< A scalar whose type is to be found from its text.
};

/// One place in a list of children. Aliases make several links lead to one node.
struct link {
  node_id target = no_node;
  std::uint32_t next = no_node;
  mark start; ///< Where the child, or the alias, stands.
};

/// Why a text is not a tree.
struct problem {
  std::string message;
  mark place;
  bool limit = false; ///< A bound was reached.
};

struct limits {
  std::size_t depth = 64; ///< Nested collections.
  std::size_t nodes = 40'000'000;
  std::uint64_t expansion = 2'000'000; ///< Nodes that aliases add when each is written out.
};

/// A document. Empty when the text has none.
class tree {
public:
  [[nodiscard]] bool empty() const noexcept { return root_ == no_node; }
  [[nodiscard]] node_id root() const noexcept { return root_; }
  [[nodiscard]] const node& at(node_id x) const noexcept { return nodes_[x]; }
  [[nodiscard]] const link& link_at(std::uint32_t x) const noexcept { return links_[x]; }
  [[nodiscard]] std::string_view text(node_id x) const noexcept {
    return std::string_view{store_}.substr(nodes_[x].text, nodes_[x].size);
  }
  /// The explicit tag, such as `tag:yaml.org,2002:int`, or empty.
  [[nodiscard]] const std::string& tag(node_id x) const noexcept { return tags_[nodes_[x].tag]; }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

private:
  friend class tree_builder;

  node_id root_ = no_node;
  std::vector<node> nodes_;
  std::vector<link> links_;
  std::string store_;
  std::vector<std::string> tags_{std::string{}};
};

/// Parses `text`, which is UTF-8 and holds at most one document, into `out`. On failure returns false and fills `why`.
/// `strict` refuses what libyaml takes and PyYAML does not: tabs between tokens, and `?` in a plain scalar of a flow
/// collection.
[[nodiscard]] bool parse(std::string_view text, tree& out, problem& why, bool strict = false,
                         const limits& bounds = {});

} // namespace muster::spec::yaml
