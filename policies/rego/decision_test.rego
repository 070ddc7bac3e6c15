package customhouse_test

import data.customhouse

pattern(text) := {"exact": text} if not contains(text, "*")

pattern(text) := {"first": parts[0], "middle": array.slice(parts, 1, count(parts) - 1), "last": parts[count(parts) - 1]} if {
	contains(text, "*")
	parts := split(text, "*")
}

plain(id, effect) := {"effect": effect, "said": {"id": id, "effect": effect, "reason": concat(" ", ["Because of", id])}, "approve": {"quorum": 1, "expires_s": 3600}, "traits": [], "tests": []}

call := {
	"principal": {"agent": "claude", "person": "ann@example.com", "groups": ["engineering", "staff"]},
	"labels": ["read-only", "idempotent"],
	"arguments": {"/path": "/workspace/notes.txt", "/count": 5, "/force": false, "/list": [], "/nothing": null},
	"findings": ["credential"],
}

decide(rules, changes) := decision if {
	asked := object.union(object.union(call, {"candidates": numbers.range(0, count(rules) - 1)}), changes)
	decision := customhouse.decision with input as asked with data.rules as rules
}

fires(rule) if decide([rule], {}).rules[0].id == rule.said.id

with_trait(effect, trait) := object.union(plain("subject", effect), {"traits": [trait]})

with_test(effect, test) := object.union(plain("subject", effect), {"tests": [test]})

# Which effect decides

test_nothing_said_is_refused_by_default_deny if {
	decision := customhouse.decision with input as object.union(call, {"candidates": []}) with data.rules as []
	decision == {"effect": "refuse", "rules": [{"id": "default-deny", "effect": "refuse", "reason": "No rule allows this call."}], "obligations": {}}
}

test_no_input_at_all_is_refused if {
	decision := customhouse.decision with input as {} with data.rules as [plain("all", "allow")]
	decision.effect == "refuse"
}

test_refuse_beats_hold_and_allow_in_every_order if {
	decide([plain("a", "refuse"), plain("b", "hold"), plain("c", "allow")], {}).effect == "refuse"
	decide([plain("c", "allow"), plain("b", "hold"), plain("a", "refuse")], {}).effect == "refuse"
}

test_hold_beats_allow_in_every_order if {
	decide([plain("b", "hold"), plain("c", "allow")], {}).effect == "hold"
	decide([plain("c", "allow"), plain("b", "hold")], {}).effect == "hold"
}

test_every_rule_that_fired_is_named if {
	decision := decide([plain("a", "refuse"), plain("b", "hold"), plain("c", "allow")], {})
	[rule.id | some rule in decision.rules] == ["a", "b", "c"]
	decision.rules[1] == {"id": "b", "effect": "hold", "reason": "Because of b"}
}

test_the_strictest_approval_wins if {
	lax := object.union(plain("lax", "hold"), {"approve": {"quorum": 1, "expires_s": 60}})
	strict := object.union(plain("strict", "hold"), {"approve": {"quorum": 3, "expires_s": 7200}})
	decide([lax, strict], {}).obligations == {"approve": {"quorum": 3, "expires_s": 60}}
}

test_only_a_held_call_needs_approval if {
	decide([plain("b", "hold"), plain("a", "refuse")], {}).obligations == {}
	decide([plain("c", "allow")], {}).obligations == {}
}

test_only_candidates_are_looked_at if decide([plain("a", "refuse"), plain("c", "allow")], {"candidates": [1]}).effect == "allow"

# Who and which kind of tool

test_a_trait_is_had if {
	every trait in [
		{"agents": [pattern("nobody"), pattern("claude")]},
		{"agents": [pattern("cl*")]},
		{"people": [pattern("*@example.com")]},
		{"groups": [pattern("staff")]},
		{"groups": [pattern("eng*")]},
		{"labels": {"destructive": true, "read-only": true}},
		{"without_labels": {"destructive": true}},
	] {
		fires(with_trait("allow", trait))
	}
}

test_a_trait_is_not_had if {
	every trait in [
		{"agents": [pattern("Claude")]},
		{"agents": [pattern("ann@example.com")]},
		{"people": [pattern("*@example.org")]},
		{"groups": [pattern("finance")]},
		{"labels": {"destructive": true}},
		{"without_labels": {"destructive": true, "read-only": true}},
	] {
		not fires(with_trait("allow", trait))
	}
}

test_nobody_is_in_no_group if {
	decide([with_trait("allow", {"groups": [pattern("*")]})], {"principal": {"agent": "claude", "person": "ann", "groups": []}}).effect == "refuse"
}

test_a_tool_without_labels_is_without_every_label if {
	decide([with_trait("allow", {"without_labels": {"read-only": true}})], {"labels": []}).effect == "allow"
}

test_all_traits_and_tests_are_needed if {
	rule := object.union(plain("subject", "allow"), {
		"traits": [{"agents": [pattern("claude")]}, {"people": [pattern("bob@example.com")]}],
		"tests": [{"is": "present", "argument": "/path"}],
	})
	not fires(rule)
	fires(object.union(rule, {"traits": [{"agents": [pattern("claude")]}]}))
	not fires(object.union(rule, {"traits": [], "tests": [{"is": "present", "argument": "/path"}, {"is": "present", "argument": "/other"}]}))
}

# Arguments

test_an_argument_test_is_met if {
	every test in [
		{"is": "equal", "argument": "/count", "value": 5, "types": ["number"]},
		{"is": "equal", "argument": "/force", "value": false, "types": ["boolean"]},
		{"is": "equal", "argument": "/nothing", "value": null},
		{"is": "one-of", "argument": "/count", "value": [4, 5], "types": ["number"]},
		{"is": "like", "argument": "/path", "pattern": pattern("/workspace/*"), "types": ["string"]},
		{"is": "not-like", "argument": "/path", "pattern": pattern("/etc/*"), "types": ["string"]},
		{"is": "greater", "argument": "/count", "value": 4.5, "types": ["number"]},
		{"is": "less", "argument": "/count", "value": 6, "types": ["number"]},
		{"is": "present", "argument": "/force"},
		{"is": "present", "argument": "/nothing"},
		{"is": "absent", "argument": "/other"},
		{"findings": {"credential": true}},
	] {
		fires(with_test("allow", test))
		fires(with_test("refuse", test))
	}
}

test_an_argument_test_is_not_met if {
	every test in [
		{"is": "equal", "argument": "/count", "value": 6, "types": ["number"]},
		{"is": "equal", "argument": "/path", "value": null},
		{"is": "equal", "argument": "/other", "value": null},
		{"is": "one-of", "argument": "/count", "value": [4, 6], "types": ["number"]},
		{"is": "like", "argument": "/path", "pattern": pattern("/etc/*"), "types": ["string"]},
		{"is": "not-like", "argument": "/path", "pattern": pattern("/workspace/*"), "types": ["string"]},
		{"is": "not-like", "argument": "/other", "pattern": pattern("/workspace/*"), "types": ["string"]},
		{"is": "greater", "argument": "/count", "value": 5, "types": ["number"]},
		{"is": "less", "argument": "/count", "value": 5, "types": ["number"]},
		{"is": "less", "argument": "/other", "value": 5, "types": ["number"]},
		{"is": "present", "argument": "/other"},
		{"is": "absent", "argument": "/force"},
		{"is": "absent", "argument": "/nothing"},
		{"findings": {"hidden-characters": true}},
	] {
		not fires(with_test("allow", test))
		decide([with_test("refuse", test)], {}).rules[0].id == "default-deny"
	}
}

test_what_cannot_be_judged_counts_against_the_call if {
	every test in [
		{"is": "equal", "argument": "/path", "value": 5, "types": ["number"]},
		{"is": "equal", "argument": "/list", "value": "x", "types": ["string"]},
		{"is": "one-of", "argument": "/list", "value": ["x"], "types": ["string"]},
		{"is": "like", "argument": "/list", "pattern": pattern("*"), "types": ["string"]},
		{"is": "not-like", "argument": "/list", "pattern": pattern("x"), "types": ["string"]},
		{"is": "greater", "argument": "/path", "value": 1, "types": ["number"]},
		{"is": "less", "argument": "/path", "value": 1, "types": ["number"]},
		{"is": "less", "argument": "/nothing", "value": 1, "types": ["number"]},
	] {
		decide([with_test("refuse", test)], {}).rules[0].id == "subject"
		decide([with_test("hold", test)], {}).rules[0].id == "subject"
		not fires(with_test("allow", test))
	}
}

# Patterns

test_a_pattern_matches if {
	every pair in [
		["", ""],
		["*", ""],
		["*", "line one\nline two"],
		["a*", "a"],
		["*a", "a"],
		["a*b", "ab"],
		["a*b*c", "a-b-c"],
		["*b*", "abc"],
		["*b*b*", "abcb"],
		["a*b*c*d*e", "abcde"],
		["a*bb*bb*e", "abbbbe"],
		["*ü*ß", "Grüße und Maß"],
		["*👍*x", "👍👍x"],
		["[a]?{b}", "[a]?{b}"],
	] {
		customhouse.like(pair[1], pattern(pair[0]))
	}
}

test_a_pattern_does_not_match if {
	every pair in [
		["", "a"],
		["a", "A"],
		["a*a", "a"],
		["ab*ba", "aba"],
		["a*b*c", "a-c-b"],
		["*b*b*", "ab"],
		["a*bb*bb*e", "abbbe"],
		["a*b*c*d*e", "acbde"],
		["a*b*b", "ab"],
		["a?c", "abc"],
		["[ab]", "a"],
	] {
		not customhouse.like(pair[1], pattern(pair[0]))
	}
}

test_only_texts_are_like_anything if {
	not customhouse.like(5, pattern("*"))
	not customhouse.like(["a"], pattern("*"))
	not customhouse.like(null, pattern("*"))
}

# Visibility

visible(rules) if {
	asked := object.union(call, {"candidates": numbers.range(0, count(rules) - 1)})
	customhouse.visible with input as asked with data.rules as rules
}

test_what_may_be_allowed_or_held_is_visible if {
	visible([plain("a", "allow")])
	visible([plain("a", "hold")])
	visible([with_test("allow", {"is": "present", "argument": "/other"})])
	visible([plain("a", "allow"), with_test("refuse", {"findings": {"credential": true}})])
	visible([plain("a", "allow"), with_trait("refuse", {"agents": [pattern("other")]})])
}

test_what_is_refused_whatever_its_arguments_is_not_visible if {
	not visible([plain("a", "refuse")])
	not visible([plain("a", "allow"), plain("b", "refuse")])
	not visible([plain("a", "hold"), with_trait("refuse", {"agents": [pattern("claude")]})])
	not visible([with_trait("allow", {"agents": [pattern("other")]})])
}

test_what_no_rule_is_about_is_not_visible if {
	answer := customhouse.visible with input as object.union(call, {"candidates": []}) with data.rules as []
	answer == false
}

test_the_module_says_what_it_reads if customhouse.reads == ["principal", "labels", "arguments", "findings", "annotations", "client", "session_state"]

# What is known of the caller, the tool and the session

principal_with(facts) := {"principal": object.union(call.principal, facts)}

has_trait(trait, changes) if decide([with_trait("allow", trait)], changes).effect == "allow"

test_owner_of_the_agent if {
	has_trait({"owners": [pattern("bob@*")]}, principal_with({"owner": "bob@example.com"}))
	not has_trait({"owners": [pattern("*")]}, principal_with({"owner": null}))
	not has_trait({"owners": [pattern("*")]}, {})
}

test_attributes_are_all_there_with_one_of_the_values if {
	trait := {"attributes": {"department": [{"value": "finance"}, {"pattern": pattern("legal-*")}], "clearance": [{"value": 2}, {"value": 3}]}}
	has_trait(trait, principal_with({"attributes": {"department": "finance", "clearance": 3}}))
	has_trait(trait, principal_with({"attributes": {"department": ["sales", "legal-eu"], "clearance": [2]}}))
	not has_trait(trait, principal_with({"attributes": {"department": "sales", "clearance": 3}}))
	not has_trait(trait, principal_with({"attributes": {"department": "finance"}}))
	not has_trait(trait, principal_with({"attributes": {"department": "finance", "clearance": "3"}}))
	not has_trait(trait, principal_with({"attributes": {"department": [], "clearance": 3}}))
	not has_trait(trait, {})
}

test_delegation if {
	chain := principal_with({"delegation": [{"actor": "robot"}]})
	has_trait({"delegated": true}, chain)
	not has_trait({"delegated": false}, chain)
	has_trait({"delegated": false}, principal_with({"delegation": []}))
	not has_trait({"delegated": true}, {})
}

test_annotations if {
	said := {"annotations": {"read_only": true, "open_world": false}}
	has_trait({"annotations": {"read_only": true, "open_world": false}}, said)
	not has_trait({"annotations": {"read_only": true, "open_world": true}}, said)
	not has_trait({"annotations": {"read_only": true}}, {"annotations": null})
}

meets(test, changes) if decide([with_test("allow", test)], changes).effect == "allow"

test_labels_of_the_session if {
	meets({"session_labels": {"reads-sensitive": true}}, {"session_state": {"labels": ["returns-untrusted", "reads-sensitive"]}})
	not meets({"session_labels": {"reads-sensitive": true}}, {"session_state": {"labels": ["returns-untrusted"]}})
	not meets({"session_labels": {"reads-sensitive": true}}, {})
}

test_client if {
	meets({"clients": [pattern("claude-*")]}, {"client": {"name": "claude-code", "version": "2"}})
	not meets({"clients": [pattern("cursor")]}, {"client": {"name": "claude-code", "version": "2"}})
	not meets({"clients": [pattern("*")]}, {"client": null})
}

test_what_the_engine_has_judged_is_met if meets({"judged": true}, {})

test_what_the_engine_judges_does_not_hide_a_tool_for_ever if {
	rules := [with_test("refuse", {"judged": true}), plain("a", "allow")]
	customhouse.visible with input as object.union(call, {"candidates": [0, 1]}) with data.rules as rules
}

test_a_rule_over_its_limit_refuses if {
	rule := object.union(plain("ten-a-minute", "allow"), {"over": {"id": "ten-a-minute", "effect": "refuse", "reason": "Used up."}, "redact": ["iban"]})
	decide([rule, plain("b", "allow")], {"over": []}).effect == "allow"
	decision := decide([rule, plain("b", "allow")], {"over": [0]})
	decision.effect == "refuse"
	decision.rules[0] == rule.over
	decision.rules[1].id == "b"
	decision.obligations == {}
}

# What has to be done

duties(effect, id, parts) := object.union(plain(id, effect), parts)

test_obligations_of_all_rules_that_fired_count_together if {
	decision := decide([duties("allow", "a", {"redact": ["iban", "/rows"], "max_result_bytes": 100, "cache_s": 60}), duties("allow", "b", {"redact": ["/rows", "ahv"], "max_result_bytes": 50, "cache_s": 90})], {})
	decision.obligations == {"redact": ["/rows", "ahv", "iban"], "max_result_bytes": 50, "cache_s": 60}
}

test_obligations_of_a_rule_that_allows_bind_a_held_call if {
	decision := decide([duties("hold", "a", {"approve": {"quorum": 1, "expires_s": 60}}), duties("allow", "b", {"redact": ["iban"]})], {})
	decision.obligations == {"approve": {"quorum": 1, "expires_s": 60}, "redact": ["iban"]}
}

asked(terms) := decide([duties("hold", sprintf("r%d", [number]), {"approve": object.union({"quorum": 1, "expires_s": 60}, term)}) | some number, term in terms], {}).obligations.approve

test_group_quorums_are_united_and_the_higher_counts if {
	terms := asked([{"groups": [{"group": "b", "quorum": 1}, {"group": "a", "quorum": 2}]}, {"groups": [{"group": "b", "quorum": 3}]}, {}])
	terms.groups == [{"group": "a", "quorum": 2}, {"group": "b", "quorum": 3}]
}

test_approvers_must_be_among_those_of_every_rule if {
	asked([{"approvers": {"groups": ["a"]}}, {"approvers": {"people": ["p"]}}, {"approvers": {"groups": ["a"]}}, {}]).approvers == [{"groups": ["a"]}, {"people": ["p"]}]
}

test_a_fresh_login_is_asked_for_if_any_rule_does if {
	asked([{"fresh_login": false}, {"fresh_login": true}]).fresh_login
	not asked([{"fresh_login": false}, {}]).fresh_login
}

test_four_eyes_beat_the_confirmation_of_whoever_asked if {
	asked([{"requester_confirms": true}, {"requester_confirms": true, "quorum": 2}]).requester_confirms
	not asked([{"requester_confirms": true}, {}]).requester_confirms
	not asked([{"requester_confirms": true}, {"requester_confirms": false}]).requester_confirms
	not asked([{}]).requester_confirms
}

test_the_shortest_reminder_counts if asked([{"remind_s": 30}, {"remind_s": 20}, {}]).remind_s == 20

test_glass_is_broken_by_groups_that_every_rule_names if {
	asked([{"break_glass": {"groups": ["b", "a", "c"]}}, {"break_glass": {"groups": ["a", "b"]}}]).break_glass == {"groups": ["a", "b"]}
	not asked([{"break_glass": {"groups": ["a"]}}, {}]).break_glass
	not asked([{"break_glass": {"groups": ["a"]}}, {"break_glass": {"groups": ["b"]}}]).break_glass
}

test_escalation_is_to_groups_that_every_rule_with_approvers_names if {
	choosy := {"approvers": {"groups": ["finance"]}, "escalate": {"after_s": 20, "groups": ["b", "a"]}}
	asked([choosy, {}]).escalate == {"after_s": 20, "groups": ["a", "b"]}
	asked([choosy, {"groups": [{"group": "x", "quorum": 1}], "escalate": {"after_s": 30, "groups": ["a"]}}]).escalate == {"after_s": 30, "groups": ["a"]}
	not asked([choosy, {"approvers": {"groups": ["legal"]}}]).escalate
	asked([{"escalate": {"after_s": 20, "groups": ["a"]}}, {}]).escalate == {"after_s": 20, "groups": ["a"]}
	not asked([{}]).escalate
}

# A version's own Rego

with_own(rules, fired) := decision if {
	question := object.union(call, {"candidates": numbers.range(0, count(rules) - 1)})
	decision := customhouse.decision with input as question with data.rules as rules with data.customhouse.custom.fired as fired
}

test_own_rego_counts_like_rules if {
	with_own([plain("a", "allow")], {{"id": "own", "effect": "refuse", "reason": "No."}}).effect == "refuse"
	with_own([plain("a", "allow")], {{"id": "own", "effect": "hold", "reason": "Ask."}}).obligations.approve == {"quorum": 1, "expires_s": 3600}
	with_own([plain("a", "refuse")], {{"id": "own", "effect": "allow", "reason": "Yes."}}).effect == "refuse"
	with_own([plain("a", "hold")], {{"id": "own", "effect": "allow", "reason": "Yes."}}).effect == "hold"
}

test_all_that_fired_are_named_the_deciding_ones_first if {
	decision := with_own([plain("a", "hold"), plain("b", "allow")], {{"id": "own", "effect": "refuse", "reason": "No."}})
	[rule.id | some rule in decision.rules] == ["own", "a", "b"]
	decision.rules[0] == {"id": "own", "effect": "refuse", "reason": "No."}
}

test_obligations_of_own_rego if {
	decision := with_own([duties("allow", "a", {"redact": ["iban"], "cache_s": 60})], {{"id": "own", "effect": "allow", "reason": "Yes.", "redact": ["ahv"], "max_result_bytes": 10, "cache_s": 5}})
	decision.obligations == {"redact": ["ahv", "iban"], "max_result_bytes": 10, "cache_s": 5}
}

test_own_rego_says_who_approves if {
	decision := with_own([plain("a", "allow")], {{"id": "own", "effect": "hold", "reason": "Ask.", "approve": {"quorum": 2, "fresh_login": true}}})
	decision.obligations.approve == {"quorum": 2, "expires_s": 3600, "fresh_login": true}
}

test_own_rego_may_let_whoever_asked_confirm_unless_a_rule_wants_four_eyes if {
	own := {{"id": "own", "effect": "hold", "reason": "Ask.", "approve": {"requester_confirms": true}}}
	with_own([plain("a", "allow")], own).obligations.approve.requester_confirms
	not with_own([plain("a", "hold")], own).obligations.approve.requester_confirms
}

test_own_rego_alone_can_allow if {
	decision := customhouse.decision with input as object.union(call, {"candidates": []}) with data.rules as [] with data.customhouse.custom.fired as {{"id": "own", "effect": "allow", "reason": "Yes."}}
	decision.effect == "allow"
}

test_what_makes_no_sense_comes_first_so_that_the_engine_refuses if {
	every odd in [
		{"id": "own", "effect": "deny", "reason": "No."},
		{"id": 1, "effect": "refuse", "reason": "No."},
		{"id": "own", "effect": "refuse"},
		{"id": "own", "effect": "allow", "reason": "Yes.", "approve": {"quorum": 1}},
		{"id": "own", "effect": "hold", "reason": "Ask.", "approve": 2},
		{"id": "own", "effect": "hold", "reason": "Ask.", "approve": {"quorums": 2}},
		{"id": "own", "effect": "hold", "reason": "Ask.", "approve": {"groups": "a"}},
		{"id": "own", "effect": "hold", "reason": "Ask.", "approve": {"groups": [{"group": "a"}]}},
		"refuse",
		{"id": "own", "effect": "refuse", "reason": "No.", "redact": ["iban"]},
		{"id": "own", "effect": "allow", "reason": "Yes.", "redact": "iban"},
		{"id": "own", "effect": "allow", "reason": "Yes.", "max_result_bytes": "10"},
		{"id": "own", "effect": "allow", "reason": "Yes.", "reddact": ["iban"]},
	] {
		with_own([plain("a", "allow")], {odd}).rules[0].nonsense == odd
	}
}

test_arguments_that_own_rego_looks_at if {
	customhouse.arguments == []
	customhouse.arguments == ["/path", "/to"] with data.customhouse.custom.arguments as {"/to", "/path"}
}

sees(rules, own) if {
	customhouse.visible with input as object.union(call, {"candidates": numbers.range(0, count(rules) - 1)}) with data.rules as rules with data.customhouse.custom as own
}

test_what_own_rego_might_allow_is_shown if {
	sees([plain("a", "allow")], {"fired": set()})
	customhouse.visible with input as object.union(call, {"candidates": []}) with data.rules as [] with data.customhouse.custom as {"fired": set()}
	not sees([plain("a", "refuse")], {"fired": set()})
}

test_own_rego_that_says_what_is_shown_decides_it if {
	not sees([plain("a", "allow")], {"fired": set(), "visible": false})
	sees([plain("a", "refuse")], {"fired": set(), "visible": true})
}
