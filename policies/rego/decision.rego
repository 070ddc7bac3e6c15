# The default policy: rules are data, and this is what they mean.
#
# The engine gives it, as data, the rules of a version in the form of libs/policy-engine/src/compiled-rules.ts, in the order
# refuse, hold, allow; as input, the call (contracts/policy/src/input.ts) and `candidates`: the numbers of the rules about this
# method and tool (or prompt, or URI), found in an index. Which rules exist therefore costs nothing here; only those that may apply
# are looked at.
package customhouse

# METADATA
# description: The decision on one call, as contracts/policy/src/decision.ts describes it, without the version.
# entrypoint: true
decision := {"effect": effect, "rules": rules, "obligations": obligations}

# METADATA
# description: Could this caller ever be allowed this tool, or have a call of it held? Decides what lists show.
# entrypoint: true
default visible := false

visible if {
	some number in input.candidates
	data.rules[number].effect != "refuse"
	suits(data.rules[number])
	not always_refused
}

# METADATA
# description: What of the input is read. The engine leaves out the rest, because every field costs.
# entrypoint: true
reads := ["principal", "labels", "arguments", "findings"]

fired := [rule |
	some number in input.candidates
	rule := data.rules[number]
	suits(rule)
	every test in rule.tests { met(test, rule.effect) }
]

default effect := "refuse"

effect := "refuse" if {
	some rule in fired
	rule.effect == "refuse"
} else := "hold" if {
	some rule in fired
	rule.effect == "hold"
} else := "allow" if {
	some rule in fired
	rule.effect == "allow"
}

rules := [{"id": "default-deny", "effect": "refuse", "reason": "No rule allows this call."}] if count(fired) == 0

rules := [rule.said | some rule in fired] if count(fired) > 0

default obligations := {}

# Of several rules that hold a call, the strictest wins.
obligations := {"approve": {
	"quorum": max([rule.approve.quorum | some rule in fired; rule.effect == "hold"]),
	"expires_s": min([rule.approve.expires_s | some rule in fired; rule.effect == "hold"]),
}} if effect == "hold"

always_refused if {
	some number in input.candidates
	rule := data.rules[number]
	rule.effect == "refuse"
	count(rule.tests) == 0
	suits(rule)
}

# Whether the rule is about this caller and this kind of tool: what does not change from call to call.
suits(rule) if {
	every trait in rule.traits { has(trait) }
}

has(trait) if {
	some pattern in trait.agents
	like(input.principal.agent, pattern)
}

has(trait) if {
	some pattern in trait.people
	like(input.principal.person, pattern)
}

has(trait) if {
	some pattern in trait.groups
	some group in input.principal.groups
	like(group, pattern)
}

has(trait) if {
	some label in input.labels
	trait.labels[label]
}

has(trait) if {
	trait.without_labels
	not labelled(trait.without_labels)
}

labelled(labels) if {
	some label in input.labels
	labels[label]
}

# Whether a test of this one call is met. What cannot be judged counts against the call.
met(test, _) if holds(test.is, test, input.arguments[test.argument])

met(test, effect) if {
	effect != "allow"
	types := test.types
	value := input.arguments[test.argument]
	not type_name(value) in types
}

met(test, _) if {
	test.is == "absent"
	not present(test.argument)
}

met(test, _) if {
	some finding in input.findings
	test.findings[finding]
}

holds("equal", test, value) if value == test.value

holds("one-of", test, value) if value in test.value

holds("like", test, value) if like(value, test.pattern)

holds("not-like", test, value) if {
	is_string(value)
	not like(value, test.pattern)
}

holds("greater", test, value) if {
	is_number(value)
	value > test.value
}

holds("less", test, value) if {
	is_number(value)
	value < test.value
}

holds("present", _, _)

present(argument) if _ = input.arguments[argument]

# A pattern arrives taken apart at its stars. Every builtin here is linear in the text, and there is no regular expression to stall.
like(text, pattern) if text == pattern.exact

like(text, pattern) if {
	startswith(text, pattern.first)
	endswith(text, pattern.last)
	spare := (count(text) - count(pattern.first)) - count(pattern.last)
	spare >= 0
	in_order(pattern.middle, substring(text, count(pattern.first), spare))
}

in_order([], _)

in_order([one], text) if contains(text, one)

in_order([one, two], text) if contains(after(text, one), two)

in_order([one, two, three], text) if contains(after(after(text, one), two), three)

after(text, part) := substring(text, indexof(text, part) + count(part), -1) if contains(text, part)
