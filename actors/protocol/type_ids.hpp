#pragma once

#include "actors/protocol/interfaces.hpp"

#include <caf/type_id.hpp>

/// Everything that a message may carry. Names are part of the protocol between nodes, so entries are only appended.
/// Every source that sends includes this; only runtime.cpp registers it, because that costs compile time.
CAF_BEGIN_TYPE_ID_BLOCK(muster, caf::first_custom_type_id)

CAF_ADD_TYPE_ID(muster, (muster::accepted))
CAF_ADD_TYPE_ID(muster, (muster::attempt_id))
CAF_ADD_TYPE_ID(muster, (muster::attempt_report))
CAF_ADD_TYPE_ID(muster, (muster::attempt_spec_ptr))
CAF_ADD_TYPE_ID(muster, (muster::capabilities))
CAF_ADD_TYPE_ID(muster, (muster::epoch))
CAF_ADD_TYPE_ID(muster, (muster::event_batch))
CAF_ADD_TYPE_ID(muster, (muster::event_list))
CAF_ADD_TYPE_ID(muster, (muster::event_subscriber))
CAF_ADD_TYPE_ID(muster, (muster::executor_actor))
CAF_ADD_TYPE_ID(muster, (muster::group_actor))
CAF_ADD_TYPE_ID(muster, (muster::group_index))
CAF_ADD_TYPE_ID(muster, (muster::lease))
CAF_ADD_TYPE_ID(muster, (muster::placed_member))
CAF_ADD_TYPE_ID(muster, (muster::node_amounts))
CAF_ADD_TYPE_ID(muster, (muster::peer_map))
CAF_ADD_TYPE_ID(muster, (muster::placement_request))
CAF_ADD_TYPE_ID(muster, (muster::plan_ptr))
CAF_ADD_TYPE_ID(muster, (muster::pool_actor))
CAF_ADD_TYPE_ID(muster, (muster::refusal))
CAF_ADD_TYPE_ID(muster, (muster::report_list))
CAF_ADD_TYPE_ID(muster, (muster::restore_ptr))
CAF_ADD_TYPE_ID(muster, (muster::sequence))
CAF_ADD_TYPE_ID(muster, (muster::status))
CAF_ADD_TYPE_ID(muster, (muster::submission_ptr))
CAF_ADD_TYPE_ID(muster, (muster::task_actor))
CAF_ADD_TYPE_ID(muster, (muster::task_index))
CAF_ADD_TYPE_ID(muster, (muster::workflow_key))
CAF_ADD_TYPE_ID(muster, (std::vector<std::string>))
CAF_ADD_TYPE_ID(muster, (muster::journal_answers_ptr))
CAF_ADD_TYPE_ID(muster, (muster::journal_batch_ptr))
CAF_ADD_TYPE_ID(muster, (muster::group_outcome))
CAF_ADD_TYPE_ID(muster, (muster::growth_ptr))
CAF_ADD_TYPE_ID(muster, (muster::cache_answer_ptr))
CAF_ADD_TYPE_ID(muster, (muster::cache_change_ptr))
CAF_ADD_TYPE_ID(muster, (muster::cache_end_ptr))
CAF_ADD_TYPE_ID(muster, (muster::cache_question_ptr))
CAF_ADD_TYPE_ID(muster, (muster::service_answer))
CAF_ADD_TYPE_ID(muster, (muster::service_change_ptr))
CAF_ADD_TYPE_ID(muster, (muster::pool_view_ptr))
CAF_ADD_TYPE_ID(muster, (muster::node_condition))
CAF_ADD_TYPE_ID(muster, (muster::pool_node_ptr))

CAF_END_TYPE_ID_BLOCK(muster)
