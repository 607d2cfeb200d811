#include "spec/repeated_keys.hpp"

#include "spec/yaml_scalar.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace muster::spec {

namespace {

/// What becomes of a document with such keys.
enum class verdict { warned_of, refused };

class key_check {
public:
  key_check(const yaml::tree& document, reporter& report, verdict then)
      : document_(document), report_(report), then_(then), seen_(document.size()) {}

  /// Looks at each node once, whatever aliases lead to it. The parser bounds the depth.
  void run(yaml::node_id x, const field_path& path) {
    if (seen_[x])
      return;
    seen_[x] = true;
    const auto& node = document_.at(x);
    if (node.kind == yaml::kind::sequence) {
      std::size_t n = 0;
      for (auto i = node.first_link; i != yaml::no_node; i = document_.link_at(i).next)
        run(document_.link_at(i).target, path.item(n++));
    } else if (node.kind == yaml::kind::mapping) {
      check(node, path);
      for (auto i = node.first_link; i != yaml::no_node;) {
        const auto& key = document_.link_at(i);
        const auto& value = document_.link_at(key.next);
        const bool named = document_.at(key.target).kind == yaml::kind::scalar;
        run(value.target, path.field(named ? document_.text(key.target) : std::string_view{}));
        i = value.next;
      }
    }
  }

private:
  struct written_key {
    std::string_view text;
    yaml::node_id id;
    yaml::mark place;
  };

  void check(const yaml::node& map, const field_path& path) {
    std::vector<written_key> keys;
    keys.reserve(map.size / 2);
    for (auto i = map.first_link; i != yaml::no_node; i = document_.link_at(document_.link_at(i).next).next) {
      const auto& link = document_.link_at(i);
      if (document_.at(link.target).kind == yaml::kind::scalar)
        keys.push_back({document_.text(link.target), link.target, link.start});
    }
    std::stable_sort(keys.begin(), keys.end(),
                     [](const written_key& a, const written_key& b) { return a.text < b.text; });
    for (std::size_t i = 1; i < keys.size(); ++i)
      if (is_same(keys[i - 1], keys[i]))
        tell(keys[i - 1], keys[i], path);
  }

  /// `1` and `"1"` are two keys; a mapping may be merged with several others.
  [[nodiscard]] bool is_same(const written_key& a, const written_key& b) const {
    if (a.text != b.text)
      return false;
    const auto type = [&](const written_key& x) {
      return yaml::resolve(x.text, document_.at(x.id).plain, document_.tag(x.id)).type;
    };
    return type(a) == type(b) && type(a) != yaml::scalar_type::merge;
  }

  /// Says how far apart they are: lines that a template made have other numbers than those of the file.
  void tell(const written_key& first, const written_key& again, const field_path& path) {
    const auto name = "'" + std::string{again.text.substr(0, 80)} + "'";
    const auto above = again.place.line - first.place.line;
    const auto distance = std::to_string(above) + (above == 1 ? " line" : " lines") + " above";
    const std::string hint = "take one of them out";
    if (then_ == verdict::refused)
      report_.error(again.place, path.field(again.text),
                    "the key " + name + (above == 0 ? " is in this line twice" : " is there already, " + distance),
                    hint);
    else
      report_.warning(again.place, path.field(again.text),
                      above == 0
                          ? "the key " + name + " is in this line twice, the last one counts"
                          : "the key " + name + " is there already, " + distance + ", and this one takes its place",
                      hint);
  }

  const yaml::tree& document_;
  reporter& report_;
  verdict then_;
  std::vector<bool> seen_;
};

} // namespace

void warn_of_repeated_keys(const yaml::tree& document, reporter& report) {
  if (!document.empty())
    key_check{document, report, verdict::warned_of}.run(document.root(), field_path{});
}

void refuse_repeated_keys(const yaml::tree& document, reporter& report) {
  if (!document.empty())
    key_check{document, report, verdict::refused}.run(document.root(), field_path{});
}

} // namespace muster::spec
