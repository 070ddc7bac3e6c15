# A module of somebody else's, for tests: it answers whatever the argument /answer says, and offers nothing but a decision.
package customhouse

decision := input.arguments["/answer"]
