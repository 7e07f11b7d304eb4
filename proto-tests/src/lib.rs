//! What the tests of the whole tracker share: the tracker as a process, network namespaces, a model of its store, stores
//! that misbehave, stories to tell it, garbage and floods for it to bear, and a [simulation] of it and all its clients.
//!
//! # What is promised, and what would notice
//!
//! Every line of the protocol that this tracker keeps to, and the tests of it: over real sockets, IPv4 and IPv6, against a
//! running tracker, but for those in `src`, which are the tracker's own. Other paths begin at `proto-tests/tests`. A test
//! (`table.rs`) sees to it that every test named here exists and that none of these programs' tests is missing.
//!
//! ## Over UDP
//!
//! | by | what is so | tests |
//! |---|---|---|
//! | BEP 15, UDP connections | A connect request begins with the magic; the reply has 16 bytes and an id that is neither 0 nor the magic | `udp/connection_id.rs::a_connect_gets_16_bytes` |
//! | BEP 15, UDP tracker protocol | Requests may be longer than today's | `udp/connection_id.rs::a_longer_connect_gets_16_bytes_too`, `udp/options.rs::options_never_fail_an_announce`, `udp/scrape.rs::a_partial_hash_is_passed_over` |
//! | BEP 15, IPv4 announce request | 98 bytes; the reply has leechers before seeders, then peers | `udp/announce.rs::replies_are_as_bep_15_draws_them` |
//! | BEP 15, Scrape request | Seeders, completed, leechers in the order of the request; zeros for the unknown | `udp/scrape.rs::replies_keep_the_order_of_the_request` |
//! | BEP 15, Scrape request | More torrents than 74: the first 74 are answered; no torrent: an empty reply; a partial hash is passed over | `udp/scrape.rs::the_first_74_torrents_are_answered`, `udp/scrape.rs::a_partial_hash_is_passed_over` |
//! | BEP 15, Errors | Text to the end of the packet, to nobody whose id was not good | `udp/announce.rs::port_0_is_an_error_unless_the_client_leaves`, `udp/announce.rs::a_store_that_fails_is_an_error`, `udp/connection_id.rs::an_id_is_worth_nothing_at_another_ipv4_address` |
//! | BEP 15, BEP 21 | Event 4 is paused; others are none | `stories/told.rs::a_partial_seed_is_incomplete_and_offered_those_who_download`, `stories/swarm.rs::an_unknown_event_is_none`, `stories/swarm.rs::any_event_brings_a_peer_in` |
//! | BEP 15, IPv6 | Peers are of the family of the datagram's source | `udp/announce.rs::replies_are_as_bep_15_draws_them` |
//! | RFC 4291, 2.5.5.2 | An IPv4-mapped source is IPv4 | `udp/addresses.rs::an_ipv4_mapped_source_is_ipv4`, `src/udp/handler/tests.rs::an_ipv6_source_gets_ipv6_peers_and_a_mapped_one_gets_ipv4_peers` |
//! | RFC 3493, 5.3 | One socket per family | `udp/addresses.rs::an_ipv6_wildcard_takes_no_ipv4` |
//! | BEP 15, UDP connections | An id is good for two minutes at least and not for ever. In real time that takes minutes, so the rotation, its timer and the configuration's bounds are tested alone | `src/server.rs::an_id_is_accepted_for_two_rotations_of_the_timer_and_not_for_three`, `src/udp/connection_id.rs::an_id_outlives_two_rotations_but_not_three`, `src/udp/connection_id.rs::an_id_lives_for_as_many_generations_as_are_accepted`, `src/config/tests/problems.rs::values_that_contradict_each_other_are_refused` |
//! | BEP 15, UDP connections | One id serves many requests, any port of the client, and beside newer ids | `udp/connection_id.rs::one_id_serves_many_requests_and_every_port_of_its_client`, `udp/connection_id.rs::a_new_id_leaves_the_old_one_valid` |
//! | BEP 15, UDP connections | An id is bound to the IPv4 address or the IPv6 /64, and to this tracker's secret | `udp/connection_id.rs::an_id_is_worth_nothing_at_another_ipv4_address`, `udp/connection_id.rs::an_ipv6_id_is_worth_its_64`, `udp/connection_id.rs::secrets_are_a_trackers_own`, `src/udp/connection_id.rs::an_id_is_the_address_alone_whose_it_is` |
//! | BEP 15, UDP connections | A bad id, no request at all, an unknown action get silence and are counted; so does source port 0, which no ordinary socket has | `udp/connection_id.rs::what_is_no_connect_and_has_no_id_gets_silence`, `udp/connection_id.rs::what_is_no_request_gets_silence`, `src/udp/handler/tests.rs::a_bad_id_and_what_is_no_request_get_silence_and_are_counted` |
//! | BEP 15, UDP connections | Nothing longer than the request goes to a source that has shown no id | `udp/connection_id.rs::a_connect_gets_16_bytes`, `udp/connection_id.rs::what_is_no_connect_and_has_no_id_gets_silence` |
//! | BEP 15, IPv4 announce request | Port 0 is an error, but not from one that leaves | `udp/announce.rs::port_0_is_an_error_unless_the_client_leaves` |
//! | BEP 15, IPv4 announce request | `num_want`: negative is the default, 0 none, 1 one, and there is a most | `stories/told.rs::num_want_is_taken_at_its_word`, `udp/announce.rs::a_reply_fits_one_packet` |
//! | BEP 15, IPv4 announce request | A reply fits one packet: 200 peers of IPv4, 67 of IPv6 | `udp/announce.rs::a_reply_fits_one_packet`, `src/udp/handler/tests.rs::a_full_reply_fits_one_packet_of_its_family` |
//! | BEP 15, IPv4 announce request | The address, the key and what was moved are ignored | `udp/announce.rs::the_address_and_the_key_in_a_packet_are_ignored`, `udp/announce.rs::uploaded_and_downloaded_are_ignored` |
//! | RFC 1122, 4.1.3.5 | A reply leaves from the very address that was asked | `udp/addresses.rs::replies_leave_from_the_ipv4_address_that_was_asked`, `udp/addresses.rs::replies_leave_from_the_ipv6_address_that_was_asked` |
//! | BEP 41 | Options behind an announce: end, nothing, URL data, unknown ones, garbage; none makes it fail | `udp/options.rs::options_never_fail_an_announce`, `src/wire/udp/options.rs::bep41_url_data_concatenates`, `src/wire/udp/options.rs::bep41_nops_and_unknown_options_are_skipped`, `src/wire/udp/options.rs::bep41_nothing_counts_after_the_end`, `src/wire/udp/options.rs::bep41_truncated_options_end_the_list` |
//! | BEP 15, Time outs | The same datagram again changes nothing and gets the same reply | `udp/announce.rs::the_same_datagram_again_gets_the_same_reply`, `stories/swarm.rs::an_announce_may_be_repeated` |
//! | BEP 15 | aria2, libtorrent, Transmission: what they sent | `captures.rs::aria2_udp`, `captures.rs::libtorrent_udp`, `captures.rs::transmission_udp` |
//!
//! ## Over HTTP
//!
//! | by | what is so | tests |
//! |---|---|---|
//! | BEP 3, BEP 48 | Two paths, as configured; 404 for others, whatever the query | `src/http/tests/responses.rs::paths_are_those_configured`, `http/connection.rs::a_connection_serves_requests_in_order_until_it_is_closed` |
//! | BEP 3, Trackers | Unknown and empty keys, missing `=`, repeated `&` and clients' own keys are passed over; keys have a case | `http/query.rs::what_is_not_asked_for_is_passed_over` |
//! | RFC 3986, 2.1 | Escapes of either case and literals spell the same bytes | `http/query.rs::every_spelling_is_the_same_torrent`, `src/wire/http/request/tests.rs::every_spelling_of_an_id_is_that_id` |
//! | RFC 3986, 2.1 | `+` is a plus | `http/query.rs::a_plus_is_a_plus` |
//! | BEP 3, Trackers | `info_hash` is 20 bytes, once in an announce, with whole escapes | `http/query.rs::an_info_hash_is_20_bytes_once_with_whole_escapes` |
//! | BEP 3, Trackers | `peer_id` of 20 bytes and `port` of 1 to 65535 are required; port 0 is for those who leave | `http/query.rs::a_peer_id_and_a_port_are_required`, `http/query.rs::port_0_is_refused_unless_the_client_leaves` |
//! | BEP 3, Trackers | `left`, `uploaded`, `downloaded` refuse nobody; a strange `left` makes a leecher | `http/query.rs::strange_numbers_refuse_nobody` |
//! | BEP 3, BEP 21 | `event` is one of four words or none | `http/query.rs::events_are_words_and_unknown_ones_are_none`, `stories/swarm.rs::any_event_brings_a_peer_in` |
//! | BEP 3, Trackers | `numwant` as over UDP; junk is the default | `http/query.rs::a_strange_numwant_is_left_to_the_tracker`, `stories/told.rs::num_want_is_taken_at_its_word` |
//! | BEP 23 | Compact unless `compact=0`: then one list of dictionaries for both families; `no_peer_id` changes nothing | `http/reply.rs::peers_are_dictionaries_for_clients_that_decline_compact_ones`, `src/http/tests/announces.rs::peers_are_dictionaries_for_clients_that_decline_compact_ones` |
//! | BEP 3, BEP 7 | The client is where its connection is from, or where a trusted proxy says, whatever `ip` says | `http/query.rs::what_is_not_asked_for_is_passed_over`, `http/proxies.rs::the_right_most_hop_behind_trusted_proxies_is_the_client`, `http/proxies.rs::the_header_is_the_configured_one`, `http/proxies.rs::nobody_else_is_believed`, `src/http/tests/announces.rs::a_trusted_proxy_says_who_the_client_is` |
//! | BEP 48 | Request lines of 16 KiB work, and every one of 200 torrents is answered | `http/connection.rs::a_scrape_of_200_torrents_is_answered_whole`, `src/http/tests/responses.rs::a_scrape_of_200_torrents_is_answered_whole` |
//! | RFC 3986, 2 | Raw bytes beyond ASCII get 400 | `http/connection.rs::raw_bytes_beyond_ascii_get_400_and_nothing_worse` |
//! | BEP 3, Trackers | Status 200, text/plain and a dictionary, for failures, too; its length stated, nothing behind it, no chunks | `http/query.rs::an_info_hash_is_20_bytes_once_with_whole_escapes`, `src/http/tests/responses.rs::a_failure_has_status_200_too`, `src/http/tests/responses.rs::an_announce_gets_a_bencoded_dictionary` |
//! | BEP 3, bencoding | Keys are sorted, and none that clients do not expect | `http/reply.rs::an_announce_gets_every_key_in_order`, `src/wire/bencode.rs::keys_out_of_order_are_a_bug` |
//! | BEP 3, BEP 7 | `peers` is always there; `peers6` for IPv6 clients and with IPv6 peers | `http/reply.rs::an_announce_gets_every_key_in_order`, `src/wire/http/reply/tests.rs::peers_are_there_even_when_there_are_none`, `src/wire/http/reply/tests.rs::peers6_is_there_for_an_ipv6_client_or_an_ipv6_peer` |
//! | BEP 7 | A reply has both families: half of what is wanted for the other, and unfilled room passes over | `stories/across.rs::http_tells_of_both_families`, `stories/across.rs::http_shares_its_room_between_the_families`, `src/http/tests/announces.rs::one_reply_carries_both_families` |
//! | BEP 24 | `external ip`: 4 or 16 bytes | `http/reply.rs::an_announce_gets_every_key_in_order`, `http/proxies.rs::the_right_most_hop_behind_trusted_proxies_is_the_client` |
//! | BEP 31 | `retry in`: never where it would be refused again, minutes where the tracker is overloaded | `http/query.rs::a_peer_id_and_a_port_are_required`, `http/reply.rs::an_overloaded_tracker_says_when_to_come_back`, `src/http/tests/announces.rs::a_store_that_fails_is_an_overloaded_tracker` |
//! | BEP 3, Trackers | An announce before its time is served | `http/reply.rs::an_announce_before_its_time_is_served` |
//! | BEP 48, BEP 21 | A scrape's torrents come sorted, each once, with zeros for the unknown, and with `downloaders` and `flags` | `http/reply.rs::a_scrape_gets_every_torrent_once_in_order`, `src/wire/http/reply/tests.rs::a_scrape_reply_lists_files_by_raw_info_hash` |
//! | BEP 48 | A scrape of everything is refused | `http/reply.rs::a_scrape_of_everything_is_refused` |
//! | RFC 1945 | HTTP/1.0 without Host is answered and closed | `http/connection.rs::http_1_0_is_answered_and_closed`, `src/http/tests/connections.rs::http_1_0_is_answered_and_closed` |
//! | RFC 9112, 9.3 | Connections are kept, closed when asked to, pipelined in order; requests come in any segments | `http/connection.rs::a_connection_serves_requests_in_order_until_it_is_closed`, `src/http/tests/connections.rs::a_connection_serves_many_requests`, `src/http/tests/connections.rs::connection_close_closes`, `src/http/tests/connections.rs::pipelined_requests_are_answered_in_order`, `src/http/tests/connections.rs::a_head_may_come_in_many_segments` |
//! | RFC 9110, 9.3.2 | HEAD gets headers and leaves the swarm alone; POST gets 405 | `http/connection.rs::only_get_announces`, `src/http/tests/responses.rs::head_gets_headers_and_leaves_the_swarm_alone`, `src/http/tests/responses.rs::other_methods_are_not_allowed` |
//! | RFC 9110, RFC 6585 | What is not HTTP gets 400, too many or too large headers 431 | `src/http/tests/responses.rs::what_is_not_http_gets_400`, `src/http/tests/responses.rs::heads_too_large_get_431` |
//! | BEP 3 | aria2, ctorrent, libtorrent, Transmission: what they sent | `captures.rs::aria2_http`, `captures.rs::ctorrent_http`, `captures.rs::libtorrent_http`, `captures.rs::transmission_http` |
//!
//! ## In a swarm, over both
//!
//! | by | what is so | tests |
//! |---|---|---|
//! | BEP 3, Trackers | A seeder has nothing left; `completed` with something left completes nothing; who lacks something again is a leecher | `stories/swarm.rs::a_seeder_has_nothing_left`, `stories/swarm.rs::completed_with_something_left_completes_nothing`, `stories/swarm.rs::a_seeder_that_lacks_something_is_a_leecher_again` |
//! | BEP 48 | A download is counted once for each peer, also of one not seen before, never of one that began as a seeder | `stories/swarm.rs::a_download_is_counted_once`, `stories/swarm.rs::a_download_of_one_not_seen_before_is_counted`, `stories/swarm.rs::one_that_began_as_a_seeder_has_downloaded_nothing`, `stories/swarm.rs::a_download_is_counted_when_it_is_told` |
//! | BEP 3, Trackers | Who stops is gone, gets counts and no peers | `stories/swarm.rs::one_that_stops_is_gone_and_told_of_nobody`, `src/http/tests/announces.rs::a_client_leaves` |
//! | BEP 3, BEP 48 | A stop of an unknown peer or torrent and a scrape succeed and create nothing; what a store holds is compared with a model | `stories/swarm.rs::a_scrape_and_a_stop_create_nothing`, `store/main.rs::the_memory_store_is_the_model` |
//! | BEP 3, Trackers | Any event brings a peer in | `stories/swarm.rs::any_event_brings_a_peer_in` |
//! | BEP 3, Trackers | Nobody is told of themselves | `stories/told.rs::nobody_is_told_of_themselves` |
//! | BEP 3, Trackers | Counts include the announcer, as it is now | `stories/told.rs::counts_include_the_announcer` |
//! | BEP 7 | Seeders and leechers are the requester's family's, the downloads are the torrent's; families are separate swarms | `stories/across.rs::families_are_swarms_of_their_own` |
//! | BEP 3, Trackers | Seeders are offered leechers only | `stories/told.rs::a_seeder_is_offered_leechers_only` |
//! | BEP 3, Trackers | Leechers are offered a random mix, without duplicates, as many as they want or there are | `stories/told.rs::a_leecher_is_told_of_a_random_mix`, `stories/told.rs::num_want_is_taken_at_its_word`, `src/storage/memory/sample.rs::every_peer_is_as_likely_as_any_other`, `src/storage/memory/sample.rs::any_number_of_any_number_are_distinct_and_never_the_skipped_one` |
//! | BEP 21 | Partial seeds are incomplete, no `downloaders`, and are offered those who download | `stories/told.rs::a_partial_seed_is_incomplete_and_offered_those_who_download` |
//! | BEP 7 | A peer is its family, address and port, whatever its name, key and transport | `stories/across.rs::a_peer_is_where_it_is_and_not_what_it_is_called`, `stories/across.rs::the_same_port_of_two_ipv4_hosts_is_two_peers`, `stories/across.rs::the_same_port_of_two_ipv6_hosts_is_two_peers`, `stories/across.rs::one_client_over_both_transports_is_one_peer` |
//! | BEP 3, BEP 15 | Both transports share one store | `stories/across.rs::udp_and_http_share_one_swarm` |
//! | BEP 3, Trackers | The interval is half an hour, a tenth more or less; the minimum a quarter of an hour | `udp/announce.rs::intervals_differ`, `http/reply.rs::an_announce_before_its_time_is_served`, `src/tracker/tests.rs::intervals_stay_within_the_jitter` |
//! | BEP 3, Trackers | Who does not come back is forgotten, later than the longest interval; every shard is swept | `stories/expiry.rs::a_silent_peer_is_forgotten_and_others_are_not`, `store/main.rs::a_pass_of_sweeps_reaches_every_shard`, `src/config/tests/problems.rs::values_that_contradict_each_other_are_refused` |
//! | RFC 1122, 3.2.1.3 | Unspecified, multicast and broadcast sources are refused | `http/proxies.rs::unspecified_multicast_and_broadcast_sources_are_refused`, `src/udp/handler/tests.rs::a_bad_id_and_what_is_no_request_get_silence_and_are_counted`, `src/tracker/tests.rs::addresses_that_no_peer_can_have_are_refused` |
//! | RFC 1918, RFC 4193 | Private sources are served, and stored if configured | `http/proxies.rs::private_sources_are_served_and_stored_unless_configured_otherwise`, `src/tracker/tests.rs::private_peers_are_answered_and_stored_as_the_operator_likes` |
//! | BEP 52 | The two info hashes of a hybrid torrent are two swarms | `stories/across.rs::torrents_are_never_merged` |
//!
//! ## Of the probe and of `chihaya check`
//!
//! | by | what is so | tests |
//! |---|---|---|
//! | BEP 15, BEP 41, BEP 3, BEP 48 | Announces and scrapes of this tracker, of Debian's opentracker and of npm's bittorrent-tracker, over UDP and HTTP and every family they have: a correct table each, and nobody is left behind | `probe/others.rs::this_tracker_over_udp_and_http_and_both_families`, `probe/others.rs::opentracker_over_udp_and_http`, `probe/others.rs::bittorrent_tracker_over_udp_and_http_and_both_families`, `probe/others.rs::json_tells_the_same`, `probe/hostile.rs::replies_cut_short_are_told_and_whoever_announced_is_taken_out` |
//! | BEP 15, Time outs | Packets are sent again, sooner than by clients, and given up in time | `probe/silence.rs::a_silent_port_is_asked_again_and_given_up_in_time`, `probe/silence.rs::the_third_packet_may_be_the_first_to_be_answered` |
//! | BEP 3, BEP 7, BEP 23, BEP 24, BEP 31, BEP 48 | Replies of every form are read | `src/wire/http/client.rs::bep23_and_bep7_compact_peers_of_both_families`, `src/wire/http/client.rs::bep3_dictionary_peers_with_names_among_them`, `src/wire/http/client.rs::bep24_bep3_the_rest_of_a_reply`, `src/wire/http/client.rs::bep31_a_failure_says_when_to_come_back`, `src/wire/http/client.rs::bep48_a_scrape_has_files`, `probe/hostile.rs::a_reply_has_the_form_that_other_trackers_give_it` |
//! | BEP 15 | Requests are written and replies read field by field | `src/wire/udp/client.rs::bep15_requests_are_written_field_by_field`, `src/wire/udp/client.rs::bep15_replies_are_read` |
//! | `chihaya announce --help` | A closed port, a silent one, a web server that is no tracker, a name without addresses: a clear error and status 1; wrong arguments: status 2 | `probe/silence.rs::a_closed_port`, `probe/hostile.rs::a_web_server_that_is_no_tracker`, `probe/silence.rs::a_family_that_is_named_must_be_there`, `probe/others.rs::a_refusal_is_told_with_its_reason`, `probe/silence.rs::what_is_no_url_or_hash_is_refused_with_an_example` |
//! | `chihaya::probe` | Nobody who answers can hang it, fill its memory or write to its terminal | `probe/hostile.rs::endless_answers_end`, `probe/hostile.rs::a_byte_now_and_then_is_no_answer`, `probe/hostile.rs::a_flood_of_datagrams_that_answer_nothing_ends_in_time`, `src/probe/text.rs::nothing_but_what_is_seen_gets_through` |
//! | BEP 7 | Both families of a name are asked; one that this host has no way to is passed over, unless it is named or the only one | `probe/families.rs::both_families_of_a_name_are_asked_unless_one_is_named`, `probe/families.rs::a_family_without_a_way_is_passed_over_unless_it_is_named_or_the_only_one` |
//! | BEP 34 | Records are found, decoded, and told from none | `probe/dns.rs::a_record_is_told_and_decoded`, `probe/dns.rs::no_record_and_no_name_are_told`, `probe/dns.rs::a_server_that_is_not_there_or_lies_is_given_up`, `src/wire/dns.rs::bep34_words` |
//! | `chihaya check --help` | What a host limits is advised against, with the command that ends it; what cannot be seen is not | `probe/check.rs::a_short_accept_queue_is_advised_against_until_it_is_longer`, `probe/check.rs::conntrack_of_the_trackers_datagrams_is_advised_against_with_what_ends_it`, `probe/check.rs::addresses_are_looked_at`, `src/doctor/tests.rs::small_limits_get_the_command_that_raises_them`, `src/doctor/tests.rs::what_cannot_be_seen_is_no_advice`, `program/command_line.rs::check_accepts_a_valid_configuration` |
//!
//! ## Of stores and their drivers
//!
//! | by | what is so | tests |
//! |---|---|---|
//! | `chihaya::storage` | Every store keeps every promise: the one in memory, the documented one, one that answers late; by a given clock and by a real one | `conformance.rs::the_memory_store_conforms`, `conformance.rs::the_documented_example_conforms`, `conformance.rs::a_store_that_answers_late_conforms`, `conformance.rs::a_store_conforms_in_real_time` |
//! | `chihaya::storage` | One that does not is told what it did instead | `conformance.rs::a_store_that_loses_a_peer_is_found_out`, `conformance.rs::a_store_that_returns_the_requester_is_found_out`, `conformance.rs::a_store_that_counts_completed_twice_is_found_out`, `conformance.rs::a_store_that_mixes_families_is_found_out`, `conformance.rs::a_store_that_never_forgets_is_found_out`, `conformance.rs::a_store_that_forgets_too_soon_is_found_out`, `conformance.rs::a_store_that_forgets_completed_downloads_is_found_out` |
//! | `proto_tests::simulation` | Clients, a network and a remote store as bad as they come, clocks that jump and wrap: every reply is right in a thousand seeds, and a seed is always the same run | `simulation.rs::no_seed_breaks_a_promise`, `simulation.rs::a_seed_replays_exactly` |
//! | `proto_tests::simulation` | Ten planted defects are found, each within 200 seeds | `simulation.rs::planted_defects_are_found` |
//! | `chihaya::storage` | A stranger's crate is tried, configured and serves like the tracker's own | `outside.rs::a_driver_of_another_crate_is_tried_and_serves`, `src/storage/driver.rs::a_name_fits_a_table_and_a_variable`, `src/server.rs::a_store_that_does_not_open_is_named_with_its_key` |
//!
//! ## For operators
//!
//! | by | what is so | tests |
//! |---|---|---|
//! | `[admin]` | What two workers count is what a client has sent and received, to the packet and the byte | `metrics/sums.rs::two_workers_have_counted_what_a_client_has_sent`, `metrics/sums.rs::peers_are_told_by_family_and_by_what_they_do` |
//! | `[admin]` | The status page: its own numbers and nothing else, with scripts and without; small; as many see it as may | `metrics/page.rs::a_browser_shows_the_page_and_asks_for_nothing_but_its_numbers`, `metrics/page.rs::the_page_is_small_and_may_load_nothing_else`, `metrics/page.rs::screenshots_are_taken` |
//! | `[admin]` | `/health` is alive, `/ready` says whether the store is degraded, nothing is public unless configured | `metrics/page.rs::who_asks_whether_it_is_alive_and_ready_is_told` |
//! | `chihaya explain` | A swarm by family, what becomes of an address's announces and by which rule, whether it is there; nothing is changed by asking | `metrics/explain.rs::a_swarm_and_who_is_in_it_are_explained`, `metrics/explain.rs::a_private_address_is_explained_by_the_rule_that_keeps_it_out`, `metrics/explain.rs::what_cannot_be_explained_is_told_in_one_line` |
//! | `[admin]` | Metrics tell nothing of single torrents and peers | `metrics/sums.rs::nothing_of_a_torrent_or_a_peer_is_told` |
//! | `[admin]` | Prometheus takes them; every query of the dashboard and the alerts works | `metrics/prometheus.rs::promtool_finds_nothing_wrong`, `metrics/prometheus.rs::every_query_of_the_dashboard_and_the_alerts_works` |

pub mod chaos;
pub mod due;
pub mod failing;
pub mod flood;
pub mod garbage;
pub mod late;
pub mod namespace;
/// The example of how a driver is written.
#[path = "../../examples/ordered/src/lib.rs"]
pub mod ordered;
pub mod overload;
pub mod process;
pub mod quota;
pub mod redis;
pub mod shared;
pub mod simulation;
pub mod soak;
pub mod source;
pub mod story;
pub mod tracker;
pub mod wayward;

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// Repeats `probe` until it succeeds; past `patience` fails the test with the last reason it gave.
///
/// The only place that sleeps: every test waits for a condition, never for time to pass.
#[track_caller]
pub fn wait_for<T, E: Display>(what: &str, patience: Duration, mut probe: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match probe() {
            Ok(found) => return found,
            Err(reason) => assert!(Instant::now() < deadline, "waited {patience:?} for {what}: {reason}"),
        }
        thread::sleep(PAUSE);
    }
}

/// Between two probes: short beside any deadline, long enough to leave the processors to what is waited for.
const PAUSE: Duration = Duration::from_millis(50);
