# The default policy: rules are data, and this is what they mean. A version may bring Rego of its own, in the package customhouse.custom;
# what fires there counts like a rule.
#
# The engine gives it, as data, the rules of a version in the form of libs/policy-engine/src/compiled-rules.ts, in the order
# refuse, hold, allow; as input, the call (contracts/policy/src/input.ts), `candidates`: the numbers of the rules about this
# method and tool (or prompt, or URI), found in an index, and `over`: those of them whose limit is used up. Which rules exist therefore
# costs nothing here; only those that may apply are looked at. What takes a calendar, subnets or host names to judge (`hours`, `networks`,
# `destinations`) the engine has judged before it names a rule.
package customhouse

# METADATA
# description: The decision on one call, as contracts/policy/src/decision.ts describes it, without the version.
# entrypoint: true
decision := {"effect": effect, "rules": rules, "obligations": obligations}

# METADATA
# description: |
#   Could this caller ever be allowed this tool, or have a call of it held? Decides what lists show. Rego of the version's own decides
#   where it declares `visible`; where it does not, what it might allow is not known, so it is shown.
# entrypoint: true
visible := data.customhouse.custom.visible if {
	data.customhouse.custom.visible != null
} else if {
	not always_refused
	data.customhouse.custom.fired
} else if {
	some number in input.candidates
	data.rules[number].effect != "refuse"
	suits(data.rules[number])
	not always_refused
} else := false

# METADATA
# description: What of the input is read. The engine leaves out the rest, because every field costs. A version's own Rego gets all of it.
# entrypoint: true
reads := ["principal", "labels", "arguments", "findings", "annotations", "client", "session_state"]

# METADATA
# description: JSON Pointers of the arguments that a version's own Rego looks at, in calls of any tool.
# entrypoint: true
arguments := [pointer | some pointer in data.customhouse.custom.arguments]

default effect := "refuse"

effect := "refuse" if {
	some saying in said
	saying.effect == "refuse"
} else := "hold" if {
	some saying in said
	saying.effect == "hold"
} else := "allow" if {
	some saying in said
	saying.effect == "allow"
}

rules := [{"id": "default-deny", "effect": "refuse", "reason": "No rule allows this call."}] if {
	count(said) + count(nonsense) == 0
}

# What makes no sense comes first, and the engine refuses the call over it.
rules := array.concat(nonsense, [saying |
	some wanted in ["refuse", "hold", "allow"]
	some saying in said
	saying.effect == wanted
]) if {
	count(said) + count(nonsense) > 0
}

said := array.concat([saying_of(number) | some number in fired], own)

fired := [number |
	some number in input.candidates
	rule := data.rules[number]
	suits(rule)
	every test in rule.tests { met(test, rule.effect) }
]

# A rule whose limit is used up refuses what it would allow.
saying_of(number) := data.rules[number].over if {
	number in input.over
} else := data.rules[number].said

# What the version's own Rego says.
own := [object.filter(saying, ["id", "effect", "reason"]) |
	some saying in data.customhouse.custom.fired
	makes_sense(saying)
]

nonsense := [{"nonsense": saying} |
	some saying in data.customhouse.custom.fired
	not makes_sense(saying)
]

makes_sense(saying) if {
	is_string(saying.id)
	is_string(saying.reason)
	saying.effect in ["allow", "refuse", "hold"]
	every name, value in saying { sound(name, value, saying.effect) }
}

sound(name, _, _) if name in ["id", "effect", "reason"]

sound("approve", value, "hold") if {
	every name, _ in value { name in ["quorum", "expires_s", "approvers", "groups", "fresh_login", "requester_confirms", "remind_s", "escalate", "break_glass"] }
	groups := object.get(value, "groups", [])
	is_array(groups)
	every one in groups {
		is_string(one.group)
		is_number(one.quorum)
	}
}

sound("redact", value, effect_of_it) if {
	effect_of_it != "refuse"
	is_array(value)
}

sound(name, value, effect_of_it) if {
	effect_of_it != "refuse"
	name in ["max_result_bytes", "cache_s"]
	is_number(value)
}

default obligations := {}

obligations := obligation if effect != "refuse"

# Rules that fired and let the call pass, now or after an approval, with what they want to be done about it.
demands := array.concat([data.rules[number] | some number in fired], [saying | some saying in data.customhouse.custom.fired])

obligation["redact"] := sort(fields) if {
	fields := {field | some demand in demands; some field in demand.redact}
	count(fields) > 0
}

obligation["max_result_bytes"] := min(limits) if {
	limits := [demand.max_result_bytes | some demand in demands]
	count(limits) > 0
}

obligation["cache_s"] := min(times) if {
	times := [demand.cache_s | some demand in demands]
	count(times) > 0
}

obligation["approve"] := terms if effect == "hold"

# Of several rules that hold a call, the strictest wins, field by field.
held := [object.union({"quorum": 1, "expires_s": 3600}, object.get(demand, "approve", {})) |
	some demand in demands
	demand.effect == "hold"
]

terms["quorum"] := max([approve.quorum | some approve in held])

terms["expires_s"] := min([approve.expires_s | some approve in held])

terms["approvers"] := [approvers | some approvers in those] if {
	those := {approve.approvers | some approve in held}
	count(those) > 0
}

terms["groups"] := [{"group": group, "quorum": quorum} |
	some group in named
	quorum := max([one.quorum | some approve in held; some one in approve.groups; one.group == group])
] if {
	named := {one.group | some approve in held; some one in approve.groups}
	count(named) > 0
}

terms["fresh_login"] if {
	some approve in held
	approve.fresh_login
}

terms["remind_s"] := min(times) if {
	times := [approve.remind_s | some approve in held]
	count(times) > 0
}

# What makes approving easier counts as far as all agree: four eyes beat the confirmation of whoever asked.
terms["requester_confirms"] if {
	every approve in held { approve.requester_confirms }
}

terms["break_glass"] := {"groups": sort(groups)} if {
	groups := in_all([object.get(approve, ["break_glass", "groups"], []) | some approve in held])
	count(groups) > 0
}

terms["escalate"] := {"after_s": max([approve.escalate.after_s | some approve in wanting]), "groups": sort(groups)} if {
	groups := in_all([object.get(approve, ["escalate", "groups"], []) | some approve in wanting])
	count(groups) > 0
}

# The rules that say who may approve are asked whether others may, later. Where none says who, those that want others to be asked.
wanting := choosy if {
	count(choosy) > 0
} else := [approve | some approve in held; approve.escalate]

choosy := [approve |
	some approve in held
	some field in ["approvers", "groups"]
	approve[field]
]

in_all(lists) := {name |
	some name in lists[0]
	every list in lists { name in list }
}

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
	some pattern in trait.owners
	like(input.principal.owner, pattern)
}

has(trait) if {
	trait.attributes
	every name, wanted in trait.attributes { is_one(input.principal.attributes[name], wanted) }
}

has(trait) if trait.delegated == delegated

has(trait) if {
	some label in input.labels
	trait.labels[label]
}

has(trait) if {
	trait.without_labels
	not labelled(trait.without_labels)
}

has(trait) if {
	trait.annotations
	every name, wanted in trait.annotations { input.annotations[name] == wanted }
}

labelled(labels) if {
	some label in input.labels
	labels[label]
}

default delegated := false

delegated if count(input.principal.delegation) > 0

# Of a list one item is enough.
is_one(value, wanted) if {
	not is_array(value)
	some want in wanted
	fits(value, want)
}

is_one(value, wanted) if {
	some item in value
	some want in wanted
	fits(item, want)
}

fits(value, want) if value == want.value

fits(value, want) if like(value, want.pattern)

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

met(test, _) if {
	some label in input.session_state.labels
	test.session_labels[label]
}

met(test, _) if {
	some pattern in test.clients
	like(input.client.name, pattern)
}

# The engine has judged it before it named the rule.
met(test, _) if test.judged

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
