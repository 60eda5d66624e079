// Package intake takes in what arrives by itself: signed messages of shops and processors, and files of marketplaces. A
// message is stored as it came before it is acknowledged, and applied afterwards as an event of package commerce, in
// whatever order messages arrive and however often. What cannot be applied is parked with a reason and stays visible.
package intake
