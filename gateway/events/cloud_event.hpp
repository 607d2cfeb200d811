#pragma once

#include "gateway/events/block.hpp"

#include <string>
#include <string_view>

namespace muster::gateway {

/// An event as CloudEvents 1.0 in JSON: `id` and the extension `sequence` are its number, `type` is `muster.` and its
/// type, `subject` its workflow and task or group, `data` the event as everywhere.
void append_cloud_event(std::string& to, std::string_view source, const event_block& block,
                        const event_block::entry& x);

/// Says that everything up to `at` was looked at: of type `muster.bookmark`.
void append_cloud_bookmark(std::string& to, std::string_view source, sequence at);

} // namespace muster::gateway
