#include "executors/docker/networks.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace muster::docker {

namespace {

using json = nlohmann::json;

/// How often an attempt to make one is repeated before the group is sent back: some ten seconds.
constexpr int most_tries = 7;
/// How often the daemon may refuse to remove one before it is left there: some three seconds. Engines up to 27 count
/// the containers in a network, and may count wrong when several come or go at once; until they are started anew they
/// then keep it (moby issue 42119). It may also have a container of somebody else.
constexpr int most_refusals = 5;
/// How long the shared one stays for the next task.
constexpr std::chrono::seconds shared_linger{5};

std::optional<ipv4_block> block_of_network(const network_info& x) {
  for (const auto& range : x.ranges)
    if (const auto block = parse_ipv4_block(range.subnet))
      return *block;
  return std::nullopt;
}

bool has_label(const label_map& labels, const std::string& key, const std::string& value) {
  const auto found = labels.find(key);
  return found != labels.end() && found->second == value;
}

} // namespace

networks::networks(loop& on, client& engine, std::string head, label_map labels)
    : loop_(on), engine_(engine), head_(std::move(head)), labels_(std::move(labels)) {}

networks::network* networks::find(const std::string& name) {
  const auto at = all_.find(name);
  return at == all_.end() ? nullptr : &at->second;
}

std::string networks::config_of(const network& x) const {
  auto labels = labels_;
  labels[head_label] = head_;
  labels[group_key_label] = x.want.group_key;
  json out{{"Name", x.want.name}, {"CheckDuplicate", true}, {"Driver", "bridge"}, {"Labels", labels}};
  if (x.want.block)
    out["IPAM"] = {
        {"Driver", "default"},
        {"Config", {{{"Subnet", to_text(*x.want.block)}, {"Gateway", ipv4_to_text(gateway_of(*x.want.block))}}}}};
  return out.dump();
}

void networks::acquire(const wanted_network& which, attempt_id user, taker done) {
  auto& x = all_[which.name];
  x.want = which;
  x.users.insert(user);
  x.waiting.emplace_back(user, std::move(done));
  if (x.at == phase::kept)
    x.at = phase::ready;
  if (x.at == phase::ready) {
    loop_.cancel(std::exchange(x.timer, timer_id::none)); // It was to be removed soon.
    loop_.post([this, name = which.name] {
      if (auto* it = find(name); it != nullptr && it->at == phase::ready)
        become_ready(*it, it->id);
    });
  } else if (x.at == phase::absent) {
    x.at = phase::making;
    x.pause.reset();
    make(x);
  }
}

void networks::adopt(const std::string& name, attempt_id user) {
  auto& x = all_[name];
  x.want.name = name;
  x.users.insert(user);
  if (x.at == phase::absent)
    x.id = name; // Until somebody asks for more.
  if (x.at == phase::absent || x.at == phase::kept)
    x.at = phase::ready;
}

void networks::release(attempt_id user) {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](auto& x) { return x.second.users.erase(user) != 0; });
  if (found == all_.end())
    return;
  auto& x = found->second;
  x.waiting.erase(std::remove_if(x.waiting.begin(), x.waiting.end(), [&](const auto& w) { return w.first == user; }),
                  x.waiting.end());
  if (x.users.empty())
    unused(x);
}

void networks::wake() {
  remove_unused(phase::kept);
}

void networks::forget(const std::string& name) {
  if (auto* x = find(name); x != nullptr && x->at == phase::ready)
    x->at = phase::absent;
}

void networks::make(network& x) {
  engine_.create_network(config_of(x), [this, name = x.want.name](outcome<std::string> how) {
    if (auto* it = find(name))
      made(*it, std::move(how));
  });
}

void networks::made(network& x, outcome<std::string> how) {
  if (how)
    return become_ready(x, *std::move(how));
  if (how.kind() == failure::conflict)
    return look_up(x);
  const bool is_taken = how.kind() == failure::address_taken;
  if (!is_taken && !how.failure().transient())
    return fail(x, {ec::start_failed, "the network of the group cannot be made: " + how.failure().message});
  if (x.pause.tries() >= most_tries)
    return fail(x, {ec::unavailable, "the network of the group cannot be made" +
                                         (is_taken && x.want.block ? " of " + to_text(*x.want.block) : std::string{}) +
                                         ": " + how.failure().message});
  if (is_taken)
    make_room(x);
  later(x, &networks::make);
}

void networks::look_up(network& x) {
  engine_.inspect_network(x.want.name, [this, name = x.want.name](const outcome<network_info>& how) {
    if (auto* it = find(name))
      found(*it, how);
  });
}

void networks::found(network& x, const outcome<network_info>& how) {
  if (!how && x.pause.tries() < most_tries)
    return later(x, &networks::make);
  if (!how)
    return fail(x,
                {ec::unavailable, "the network '" + x.want.name + "' cannot be looked at: " + how.failure().message});
  const auto block = block_of_network(*how);
  if (!has_label(how->labels, head_label, head_) || (x.want.block && block != x.want.block))
    return fail(
        x, {ec::conflict, "a network named '" + x.want.name +
                              "' exists that is not Muster's; remove it, or let Muster use another state directory"});
  become_ready(x, how->id);
}

/// A network of ours that nobody is in any more may still have the addresses.
void networks::make_room(network& x) {
  engine_.list_networks({{"label", {head_label + ('=' + head_)}}},
                        [this, name = x.want.name](const outcome<std::vector<network_info>>& all) {
                          if (auto* it = find(name); it != nullptr && all)
                            removed_in_the_way(*it, *all);
                        });
}

void networks::removed_in_the_way(network& x, const std::vector<network_info>& all) {
  for (const auto& other : all) {
    const auto block = block_of_network(other);
    if (!block || !x.want.block || !block->overlaps(*x.want.block) || !has_label(other.labels, head_label, head_))
      continue;
    if (auto* known = find(other.name); known == nullptr)
      remove_stray(other);
    else if (known->users.empty() && (known->at == phase::ready || known->at == phase::kept))
      remove(*known);
  }
}

void networks::become_ready(network& x, std::string id) {
  x.at = phase::ready;
  x.id = std::move(id);
  x.pause.reset();
  const auto name = x.want.name;
  for (auto& [user, done] : std::exchange(x.waiting, {}))
    done({});
  if (auto* it = find(name); it != nullptr && it->users.empty() && it->at == phase::ready)
    unused(*it);
}

void networks::fail(network& x, const error& why) {
  x.at = phase::absent;
  x.pause.reset();
  auto waiting = std::exchange(x.waiting, {});
  for (const auto& w : waiting)
    x.users.erase(w.first);
  const bool is_empty = x.users.empty();
  if (is_empty)
    all_.erase(std::string(x.want.name));
  for (auto& [user, done] : waiting)
    done(why);
}

void networks::later(network& x, void (networks::*what)(network&)) {
  loop_.cancel(x.timer);
  x.timer = loop_.after(x.pause.next(), [this, name = x.want.name, what] {
    if (auto* it = find(name)) {
      it->timer = timer_id::none;
      (this->*what)(*it);
    }
  });
}

/// Nobody is in it any more.
void networks::unused(network& x) {
  if (x.at == phase::absent) {
    loop_.cancel(x.timer);
    all_.erase(std::string(x.want.name));
    return;
  }
  if (x.at != phase::ready) // When it is made, or gone, somebody looks again.
    return;
  if (!x.want.shared || closing_)
    return remove(x);
  x.timer = loop_.after(shared_linger, [this, name = x.want.name] {
    if (auto* it = find(name); it != nullptr && it->users.empty() && it->at == phase::ready)
      remove(*it);
  });
}

void networks::remove(network& x) {
  x.at = phase::removing;
  x.timer = timer_id::none;
  engine_.remove_network(x.id, [this, name = x.want.name](const outcome<void>& how) {
    if (auto* it = find(name))
      removed(*it, how);
  });
}

void networks::removed(network& x, const outcome<void>& how) {
  if (how || how.kind() == failure::not_found) {
    x.pause.reset();
    x.at = phase::absent;
    if (x.users.empty())
      return unused(x);
    x.at = phase::making;
    return make(x);
  }
  if (!x.users.empty()) // Somebody came while it could not be removed: it stays.
    return become_ready(x, x.id);
  if (how.failure().transient() || x.pause.tries() < most_refusals)
    return later(x, &networks::remove);
  x.at = phase::kept; // The next refusal is the last at once.
}

void networks::remove_unused(phase at) {
  for (auto& [name, x] : all_)
    if (x.users.empty() && x.at == at)
      remove(x);
}

void networks::remove_stray(const network_info& which) {
  ++strays_;
  engine_.remove_network(which.id, [this](const outcome<void>&) { --strays_; });
}

void networks::remove_leftovers(std::function<bool(const network_info&)> is_leftover) {
  ++strays_;
  engine_.list_networks({{"label", {head_label + ('=' + head_)}}},
                        [this, is_leftover = std::move(is_leftover)](const outcome<std::vector<network_info>>& all) {
                          --strays_;
                          if (!all)
                            return;
                          for (const auto& x : *all)
                            if (has_label(x.labels, head_label, head_) && find(x.name) == nullptr && is_leftover(x))
                              remove_stray(x);
                        });
}

std::size_t networks::remaining() const {
  const auto known = std::count_if(all_.begin(), all_.end(), [](const auto& x) {
    const auto at = x.second.at;
    return at == phase::making || at == phase::removing || (x.second.users.empty() && at != phase::kept);
  });
  return strays_ + static_cast<std::size_t>(known);
}

} // namespace muster::docker
