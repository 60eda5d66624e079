// Package egress sends messages to addresses that others have named. Whoever may name an address could have the service call
// machines that only it can reach, such as its database or the address at which a cloud hands out keys. So an address is judged
// when it is named, and each connection is judged again by the machine that it really leads to.
package egress
