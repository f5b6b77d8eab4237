"""Which test shows which row of the contract (docs/contract.md §4-7, §9). `python -m tests.contract.rows` lists others.

A row is named as the document spells it. The tests of a row run on two nodes, with the client on the other one than the
producer, and, where the row is durable, with a cut in the middle; tests behind the first add to that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

CLIENT = "§4 client event"
SERVER = "§5 server event"
TYPE = "§5 events type"
CHANNEL = "§5 events:channel type"
PRODUCER = "§6 producer function"
ROUTE = "§7 route"
OPERATORS = "§9 operators' route"


@dataclass(frozen=True, slots=True)
class Row:
    """tests: ids as pytest takes them. later: the issue that brings this row and its tests; "" when it is there."""

    section: str
    name: str
    tests: tuple[str, ...] = ()
    later: str = ""


_ADMIN = "tests/contract/test_admin_routes.py::"
_BAD = "tests/contract/test_bad_events.py::"
_CALLS = "tests/integration/test_calls.py::"
_CHANNEL_ACCESS = "tests/contract/test_channel_access.py::"
_CHANNEL_EVENTS = "tests/contract/test_channel_events.py::"
_CHANNEL_ROUTES = "tests/contract/test_channel_routes.py::"
_CHATS = "tests/contract/test_chats.py::"
_COMPLETION_TASKS = "tests/integration/test_completion_tasks.py::"
_DIRECT = "tests/integration/test_direct.py::"
_DOCUMENTS = "tests/contract/test_documents.py::"
_EDITORS = "tests/contract/test_documents_access.py::"
_EVENTS = "tests/contract/test_table_events.py::"
_JOIN = "tests/e2e/test_join.py::"
_NOTES = "tests/contract/test_notes.py::"
_OPENAPI = "tests/contract/test_openapi.py::"
_OWN_WRITES = "tests/integration/test_http_own_writes.py::"
_PRESENCE = "tests/integration/test_presence.py::"
_PRODUCERS = "tests/contract/test_table_producers.py::"
_PROGRAM = "tests/contract/test_program.py::test_the_contract_holds_over_any_transport"
_RESUME = "tests/e2e/test_resume.py::"
_ROUTES = "tests/contract/test_table_routes.py::"
_SECOND = "tests/contract/test_documents_v2.py::"
_TYPES = "tests/contract/test_emitter_types.py::"

DURABLE = _TYPES + "test_every_durable_type_arrives_once_in_order_through_a_cut_and_is_folded_as_the_table_says"
EPHEMERAL = _TYPES + "test_no_ephemeral_type_and_no_call_has_a_position_or_is_replayed_or_stored"
CALLED = _CALLS + "test_a_call_is_answered_from_the_other_node"

_CHANNEL_FOLD = _CHANNEL_ROUTES + "test_what_is_folded_is_what_was_shown_before"
_MARKED_CHAT = _CHATS + "test_last_read_at_counts_what_is_unread_and_hints_the_users_sessions_through_a_cut"
_SHARED = _CHATS + "test_a_viewer_reads_and_a_writer_writes_and_the_viewer_gets_the_shared_copy_through_a_cut"
_LOST_ACCESS = _CHATS + "test_access_that_is_taken_away_ends_live_replayed_and_read_on_every_node"
_NOTE_EVENTS = _NOTES + "test_readers_are_shown_every_change_by_both_names_and_rejoined_by_resume"
_NOTE_ROUTES = _NOTES + "test_a_note_is_made_read_changed_and_listed_before_and_after_the_fold"
_AWARE = _DOCUMENTS + "test_awareness_goes_to_the_others_in_binary_and_is_in_no_log"
_RESUMED = (
    "tests/contract/test_documents_resume.py::test_updates_that_a_page_missed_come_with_the_resume_live_and_replayed"
)
_UPDATED = _DOCUMENTS + "test_an_update_is_acknowledged_by_its_place_and_reaches_the_others_once_in_binary"
_EMITTER = _PRODUCERS + "test_an_emitter_returns_positions_and_its_events_arrive_once_through_a_cut"
_ROOMS = _PRODUCERS + "test_rooms_of_users_are_entered_listed_and_left_on_all_nodes"
_TASKS = _PRODUCERS + "test_tasks_are_listed_and_stopped_from_the_other_node"
_SCRIPT = _CALLS + "test_a_process_that_is_no_node_calls_and_emits"
_STOPPED = _COMPLETION_TASKS + "test_a_stop_from_the_other_node_keeps_the_text_so_far"
_STOPPED_ALL = _ROUTES + "test_all_tasks_of_a_chat_are_listed_and_stopped_from_the_other_node_where_the_page_is"
_STATE = _ROUTES + "test_every_node_tells_anybody_its_version_configuration_and_state"
_USAGE = _PRESENCE + "test_models_in_use_are_told_by_any_node_and_forgotten_seconds_later"
_NEW_CHAT = _ROUTES + "test_a_chat_is_made_and_read_in_its_shape_on_the_other_node"
_READ_BY_ANY = _OWN_WRITES + "test_without_any_worker_a_read_on_any_node_shows_every_write_before_it"


def _shown(section: str, name: str, *tests: str) -> Row:
    return Row(section, name, tests)


CLIENT_EVENTS = (
    _shown(
        CLIENT, "user-join", _PROGRAM, _CHANNEL_EVENTS + "test_message_is_delivered_with_its_temp_id_and_after_a_cut"
    ),
    _shown(CLIENT, "heartbeat", _EVENTS + "test_heartbeats_are_one_sql_write_a_minute_and_user_over_all_nodes"),
    _shown(CLIENT, "usage", _USAGE),
    _shown(CLIENT, "join-channels", _CHANNEL_EVENTS + "test_join_channels_joins_what_the_session_is_not_in_yet"),
    _shown(CLIENT, "join-note", _NOTE_EVENTS, _NOTES + "test_access_to_a_note_is_given_and_taken_away_on_every_node"),
    _shown(
        CLIENT,
        "events:channel typing",
        _CHANNEL_EVENTS + "test_typing_goes_to_the_others_without_a_position_and_is_not_replayed",
    ),
    _shown(CLIENT, "events:channel last_read_at", _CHANNEL_EVENTS + "test_last_read_at_counts_what_is_unread"),
    _shown(
        CLIENT,
        "events:chat join",
        _JOIN + "test_a_cut_in_the_middle_of_the_history_that_a_join_brings",
        _JOIN + "test_snapshot_and_tail_are_the_whole_text_while_events_flow",
        _RESUME + "test_rooms_joined_and_left_while_events_flow_begin_and_end_cleanly",
    ),
    _shown(
        CLIENT,
        "events:chat leave",
        _EVENTS + "test_who_leaves_a_chat_gets_no_more_of_it_live_or_replayed",
        _RESUME + "test_rooms_joined_and_left_while_events_flow_begin_and_end_cleanly",
    ),
    _shown(CLIENT, "events:chat last_read_at", _MARKED_CHAT),
    _shown(
        CLIENT, "events:chat typing", _PRESENCE + "test_typing_reaches_the_other_members_only_and_only_from_members"
    ),
    _shown(
        CLIENT,
        "ydoc:document:join",
        _DOCUMENTS + "test_a_page_gets_the_state_and_the_others_are_told_who_joined_and_left",
        _SECOND + "test_a_join_brings_all_the_difference_or_the_tail",
        _EDITORS + "test_a_stranger_is_answered_as_for_a_document_that_is_not_there",
    ),
    _shown(CLIENT, "ydoc:document:state", _DOCUMENTS + "test_the_state_is_sent_again_to_the_asker_alone"),
    _shown(
        CLIENT,
        "ydoc:document:update",
        _UPDATED,
        _DOCUMENTS + "test_the_first_content_wins_and_the_losers_are_answered_with_it",
        _DOCUMENTS + "test_an_update_with_a_gap_is_not_appended_and_its_sender_is_asked_for_the_rest",
        _EDITORS + "test_a_reader_is_in_sync_and_seen_and_changes_nothing",
        _RESUMED,
    ),
    _shown(CLIENT, "ydoc:awareness:update", _AWARE),
    _shown(
        CLIENT,
        "ydoc:document:leave",
        _DOCUMENTS + "test_a_page_gets_the_state_and_the_others_are_told_who_joined_and_left",
    ),
    _shown(
        CLIENT,
        "{user_id}:{session_id}:{request_id}",
        _DIRECT + "test_a_browser_that_comes_back_goes_on_and_the_reader_is_told",
        _DIRECT + "test_lines_come_in_order_from_the_other_node_and_leave_nothing_behind",
    ),
    _shown(
        CLIENT,
        "Malformed payload",
        _EVENTS + "test_an_error_goes_to_its_sender_only",
        _BAD + "test_a_payload_of_a_wrong_shape_is_refused_and_the_session_lives_on",
        _CHANNEL_ACCESS + "test_malformed_channel_events_are_answered_false",
    ),
)

SERVER_EVENTS = (
    _shown(SERVER, "events", DURABLE, _SHARED),
    _shown(SERVER, "events:channel", _CHANNEL_EVENTS + "test_message_is_delivered_with_its_temp_id_and_after_a_cut"),
    _shown(SERVER, "events:note", _NOTE_EVENTS),
    _shown(SERVER, "note-events", _NOTE_EVENTS),
    _shown(
        SERVER,
        "ydoc:document:state",
        _DOCUMENTS + "test_a_page_gets_the_state_and_the_others_are_told_who_joined_and_left",
        _DOCUMENTS + "test_lists_of_numbers_go_out_where_binary_is_switched_off",
    ),
    _shown(SERVER, "ydoc:document:update", _UPDATED, _RESUMED),
    _shown(SERVER, "ydoc:awareness:update", _AWARE),
    _shown(
        SERVER,
        "ydoc:user:joined",
        _DOCUMENTS + "test_a_page_gets_the_state_and_the_others_are_told_who_joined_and_left",
    ),
    _shown(
        SERVER,
        "ydoc:user:left",
        _DOCUMENTS + "test_a_page_gets_the_state_and_the_others_are_told_who_joined_and_left",
        _DOCUMENTS + "test_a_lost_connection_has_left_once_and_a_dead_nodes_editors_vanish",
    ),
    _shown(SERVER, "room:reset", _EVENTS + "test_a_session_that_cannot_be_resumed_is_told_its_rooms_and_from_where"),
    _shown(SERVER, "error", _EVENTS + "test_an_error_goes_to_its_sender_only"),
)

TYPES = (
    _shown(TYPE, "message", DURABLE),
    _shown(TYPE, "chat:message:delta", DURABLE),
    _shown(TYPE, "replace", DURABLE),
    _shown(TYPE, "chat:message", DURABLE),
    _shown(TYPE, "status", DURABLE),
    _shown(TYPE, "source", DURABLE),
    _shown(TYPE, "citation", DURABLE),
    _shown(TYPE, "files", DURABLE),
    _shown(TYPE, "chat:message:files", DURABLE),
    _shown(TYPE, "embeds", DURABLE),
    _shown(TYPE, "chat:message:embeds", DURABLE),
    _shown(TYPE, "chat:completion", DURABLE),
    _shown(TYPE, "response:completion", DURABLE),
    _shown(TYPE, "chat:message:error", DURABLE),
    _shown(TYPE, "chat:message:follow_ups", DURABLE),
    _shown(TYPE, "chat:tasks:cancel", DURABLE, _STOPPED_ALL),
    _shown(TYPE, "chat:title", DURABLE),
    _shown(TYPE, "chat:tags", DURABLE),
    _shown(TYPE, "chat:messages", DURABLE, _CHATS + "test_a_new_turn_reaches_the_other_tabs_and_the_viewers"),
    _shown(TYPE, "chat:active", DURABLE),
    _shown(
        TYPE,
        "chat:outlet",
        DURABLE,
        "tests/contract/test_page_turns.py"
        "::test_the_whole_text_is_told_before_an_answer_is_closed_as_others_wrote_into_it_too",
    ),
    _shown(TYPE, "chat:list", DURABLE, _MARKED_CHAT),
    _shown(TYPE, "chat:reload", DURABLE),
    _shown(TYPE, "notification", DURABLE),
    _shown(TYPE, "chat:access", DURABLE, _LOST_ACCESS),
    _shown(TYPE, "typing", EPHEMERAL, _PRESENCE + "test_typing_reaches_the_other_members_only_and_only_from_members"),
    _shown(TYPE, "chat:presence", EPHEMERAL, _PRESENCE + "test_a_chat_is_told_who_is_present_on_every_node"),
    _shown(
        TYPE,
        "confirmation",
        CALLED,
        EPHEMERAL,
        _CALLS + "test_a_page_that_was_loaded_again_is_asked_again",
        _CALLS + "test_the_node_of_the_called_page_is_killed",
    ),
    _shown(
        TYPE,
        "input",
        CALLED,
        EPHEMERAL,
        _CALLS + "test_a_session_that_drops_and_resumes_on_the_other_node_is_asked_again",
    ),
    _shown(TYPE, "execute", CALLED, EPHEMERAL),
    _shown(TYPE, "execute:python", CALLED, EPHEMERAL),
    _shown(TYPE, "execute:tool", CALLED, EPHEMERAL),
    _shown(
        TYPE,
        "request:chat:completion",
        CALLED,
        EPHEMERAL,
        _DIRECT + "test_a_session_that_drops_before_it_answers_is_asked_anew_on_another_channel",
    ),
    _shown(TYPE, "request:user_input", CALLED, EPHEMERAL),
    _shown(TYPE, "Many emits at once", _TYPES + "test_many_emits_at_once_on_one_message_by_both_nodes_are_all_kept"),
)

CHANNEL_TYPES = (
    _shown(
        CHANNEL,
        "message",
        _CHANNEL_EVENTS + "test_message_is_delivered_with_its_temp_id_and_after_a_cut",
        _CHANNEL_FOLD,
    ),
    _shown(CHANNEL, "message:update", _CHANNEL_EVENTS + "test_message_update_by_edit_and_pin", _CHANNEL_FOLD),
    _shown(CHANNEL, "message:delete", _CHANNEL_EVENTS + "test_message_delete", _CHANNEL_FOLD),
    _shown(
        CHANNEL,
        "message:reply",
        _CHANNEL_EVENTS + "test_message_reply_shows_the_parent_with_its_count",
        _CHANNEL_FOLD,
    ),
    _shown(CHANNEL, "message:reaction:add", _CHANNEL_EVENTS + "test_message_reaction_add_and_remove", _CHANNEL_FOLD),
    _shown(CHANNEL, "message:reaction:remove", _CHANNEL_EVENTS + "test_message_reaction_add_and_remove", _CHANNEL_FOLD),
    _shown(
        CHANNEL,
        "typing",
        _CHANNEL_EVENTS + "test_typing_goes_to_the_others_without_a_position_and_is_not_replayed",
    ),
    _shown(
        CHANNEL,
        "channel:created",
        _CHANNEL_EVENTS + "test_channel_created_reaches_members_who_were_away_and_their_sessions_are_in",
    ),
    _shown(CHANNEL, "channel:mute", _CHANNEL_EVENTS + "test_channel_mute_tells_the_users_own_sessions"),
)

PRODUCER_FUNCTIONS = (
    _shown(PRODUCER, "get_event_emitter", _EMITTER, _SCRIPT),
    _shown(PRODUCER, "emitter", _EMITTER, _SCRIPT),
    _shown(PRODUCER, "get_event_call", CALLED, _CALLS + "test_only_the_asking_users_own_session_is_asked"),
    _shown(PRODUCER, "caller", CALLED, _CALLS + "test_a_silent_page_is_an_error_after_the_timeout"),
    _shown(
        PRODUCER,
        "emit_to_users",
        _PRODUCERS + "test_emit_to_users_reaches_each_of_them_once_through_a_cut",
    ),
    _shown(PRODUCER, "enter_room_for_users", _ROOMS, _SCRIPT),
    _shown(PRODUCER, "leave_room_for_users", _ROOMS, _SCRIPT),
    _shown(
        PRODUCER,
        "disconnect_user_sessions",
        _PRODUCERS + "test_a_disconnected_user_is_gone_from_all_nodes_and_begins_anew",
    ),
    _shown(PRODUCER, "get_user_ids_from_room", _ROOMS, _SCRIPT),
    _shown(PRODUCER, "create_task", _TASKS),
    _shown(
        PRODUCER,
        "stop_task",
        _TASKS,
        "tests/faults/test_completion_killed.py::test_a_stop_reaches_an_owner_that_was_suspended",
    ),
    _shown(PRODUCER, "list_tasks", _TASKS),
    _shown(PRODUCER, "list_task_ids_by_item_id", _TASKS),
)

_LISTS = _ROUTES + "test_a_list_of_events_is_appended_in_order_and_again_with_its_key_only_what_is_missing"

ROUTES = (
    _shown(ROUTE, "/openapi.json", _OPENAPI + "test_the_node_serves_the_document_of_every_route_to_anybody"),
    _shown(ROUTE, "POST /api/v1/chats/new", _NEW_CHAT, _READ_BY_ANY),
    _shown(ROUTE, "GET /api/v1/chats/{id}", _NEW_CHAT, DURABLE),
    _shown(
        ROUTE,
        "POST /api/v1/chats/{id}/messages/{mid}/event",
        DURABLE,
        _OWN_WRITES + "test_ack_sql_answers_when_the_row_is_committed",
        "tests/integration/test_http_errors.py::"
        "test_an_idempotency_key_answers_the_first_position_and_refuses_another_body",
        _LISTS,
    ),
    _shown(
        ROUTE,
        "POST /api/v1/chats/{id}/messages/{mid}",
        _ROUTES + "test_a_messages_content_is_set_for_a_page_on_the_other_node_through_a_cut",
    ),
    _shown(
        ROUTE,
        "POST /api/chat/completions",
        "tests/contract/test_page_turns.py::test_a_question_without_a_chat_begins_one_which_every_page_can_show",
        "tests/contract/test_page_turns.py::test_several_models_answer_one_question_side_by_side",
        _ROUTES + "test_a_completion_on_the_other_node_comes_whole_through_a_cut",
        "tests/faults/test_completion_killed.py::test_a_killed_node_leaves_its_answer_interrupted_with_the_text_so_far",
    ),
    _shown(
        ROUTE,
        "POST /api/v1/rooms/{room}/events",
        _ROUTES + "test_a_service_publishes_to_a_room_through_a_cut_and_what_is_not_durable_is_not_replayed",
        _LISTS,
    ),
    _shown(ROUTE, "GET /api/v1/channels/", _CHANNEL_EVENTS + "test_last_read_at_counts_what_is_unread"),
    _shown(
        ROUTE,
        "POST …/create",
        _CHANNEL_EVENTS + "test_channel_created_reaches_members_who_were_away_and_their_sessions_are_in",
        _CHANNEL_ROUTES + "test_a_channel_is_made_read_and_changed",
    ),
    _shown(
        ROUTE,
        "POST …/{id}/update/members/add",
        _CHANNEL_ACCESS + "test_added_users_have_all_their_sessions_in_the_room_before_the_call_returns",
        _CHANNEL_ROUTES + "test_members_come_and_go",
    ),
    _shown(
        ROUTE,
        "POST …/{id}/messages/post",
        _CHANNEL_EVENTS + "test_message_is_delivered_with_its_temp_id_and_after_a_cut",
        _CHANNEL_ROUTES + "test_an_idempotency_key_posts_once_and_answers_the_same_message",
    ),
    _shown(ROUTE, "…/{mid}/update", _CHANNEL_EVENTS + "test_message_update_by_edit_and_pin"),
    _shown(ROUTE, "DELETE …/{mid}/delete", _CHANNEL_EVENTS + "test_message_delete"),
    _shown(ROUTE, "…/reactions/add", _CHANNEL_EVENTS + "test_message_reaction_add_and_remove"),
    _shown(ROUTE, "…/reactions/remove", _CHANNEL_EVENTS + "test_message_reaction_add_and_remove"),
    _shown(ROUTE, "GET …/messages?skip&limit", _CHANNEL_ROUTES + "test_pages_of_messages_and_threads"),
    _shown(ROUTE, "…/{mid}/thread", _CHANNEL_ROUTES + "test_pages_of_messages_and_threads"),
    _shown(ROUTE, "POST /api/v1/notes/create", _NOTE_ROUTES),
    _shown(ROUTE, "GET /api/v1/notes/{id}", _NOTE_ROUTES),
    _shown(ROUTE, "POST /api/v1/notes/{id}/update", _NOTE_ROUTES, _NOTE_EVENTS),
    _shown(ROUTE, "POST …/access", _NOTES + "test_access_to_a_note_is_given_and_taken_away_on_every_node"),
    _shown(ROUTE, "GET /api/tasks", _STOPPED, _STOPPED_ALL),
    _shown(ROUTE, "GET /api/tasks/chat/{id}", _STOPPED, _STOPPED_ALL),
    _shown(ROUTE, "POST /api/tasks/stop/{id}", _STOPPED),
    _shown(ROUTE, "POST /api/tasks/chat/{id}/stop", _STOPPED_ALL),
    _shown(ROUTE, "GET /api/usage", _USAGE),
    _shown(ROUTE, "GET /api/version", _STATE),
    _shown(ROUTE, "GET /api/config", _STATE),
    _shown(ROUTE, "GET /livez", _STATE),
    _shown(ROUTE, "GET /readyz", _STATE, _OWN_WRITES + "test_a_node_without_its_database_says_so_and_lives_on"),
    _shown(ROUTE, "GET /metrics", _STATE),
)

_LETTERS = _ADMIN + "test_dead_letters_are_read_retried_and_dropped_and_it_is_noted_who_did"
_ANY_ROOM = _ADMIN + "test_any_room_is_read_by_admins_and_what_is_gone_is_said"
_WITHHELD = _ADMIN + "test_what_is_personal_is_withheld_from_admins_listed_and_followed"
_SESSIONS = _ADMIN + "test_sessions_are_seen_from_the_other_node_disconnected_and_resumed"
_SEEN = "tests/integration/test_oversight.py::"
_LISTED = "tests/integration/test_oversight_rooms.py::"

OPERATORS_ROUTES = (
    _shown(
        OPERATORS,
        "GET /overview",
        _SEEN + "test_the_overview_tells_of_every_process_and_of_a_worker_that_was_killed",
        _SEEN + "test_without_the_log_the_overview_says_so_to_admins_alone",
        _SEEN + "test_without_the_database_the_overview_and_the_rooms_answer",
    ),
    _shown(
        OPERATORS,
        "GET /history",
        "tests/faults/test_sampler_killed.py::test_the_history_survives_the_node_that_samples",
    ),
    _shown(
        OPERATORS,
        "GET /rooms?q&order&cursor&limit",
        _LISTED + "test_ten_thousand_rooms_are_listed_whole_with_a_bounded_number_of_commands",
        _LISTED + "test_rooms_are_found_by_any_part_of_the_name_taken_literally",
    ),
    _shown(OPERATORS, "GET /rooms/{room}", _ANY_ROOM),
    _shown(OPERATORS, "GET /rooms/{room}/events?after&limit", _ANY_ROOM, _WITHHELD),
    _shown(
        OPERATORS,
        "GET /rooms/{room}/events/stream",
        _ADMIN + "test_a_room_is_followed_by_an_admin_who_is_no_member_until_the_role_is_gone",
        _WITHHELD,
    ),
    _shown(OPERATORS, "GET /deadletters?after&limit", _LETTERS),
    _shown(OPERATORS, "GET /deadletters/{id}", _LETTERS),
    _shown(OPERATORS, "POST /deadletters/{id}/retry", _LETTERS),
    _shown(OPERATORS, "POST /deadletters/{id}/drop", _LETTERS),
    _shown(OPERATORS, "GET /users/{id}/sessions", _SESSIONS),
    _shown(
        OPERATORS,
        "POST /users/{id}/revoke",
        _ADMIN + "test_a_revoked_user_is_cut_from_every_node_and_refused_from_then_on",
    ),
    _shown(OPERATORS, "POST /sessions/{sid}/disconnect", _SESSIONS),
    _shown(
        OPERATORS,
        "GET /tasks?cursor&limit",
        _ADMIN + "test_tasks_of_all_nodes_are_listed_and_stopped_by_an_admin",
    ),
    _shown(OPERATORS, "GET /audit?after&limit", _LETTERS, _SEEN + "test_who_did_what_is_logged_whatever_the_level"),
)

ROWS = (*CLIENT_EVENTS, *SERVER_EVENTS, *TYPES, *CHANNEL_TYPES, *PRODUCER_FUNCTIONS, *ROUTES, *OPERATORS_ROUTES)


def not_shown(rows: Iterable[Row] = ROWS) -> list[Row]:
    """The rows without a test that no later issue brings."""
    return [row for row in rows if not row.tests and not row.later]


def main() -> int:
    """List what no test shows; returns 1 when a row is among it that is not for later."""
    missing, later = not_shown(), [row for row in ROWS if row.later]
    lines = [f"no test: {row.section} {row.name}" for row in missing]
    lines += [f"later:   {row.section} {row.name} ({row.later})" for row in later]
    lines.append(f"{len(ROWS)} rows: {len(missing)} without a test, {len(later)} for later")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
