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

test_the_module_says_what_it_reads if customhouse.reads == ["principal", "labels", "arguments", "findings"]
