// A profile is a named way of going wrong by chance, for those who do not want to say it fault by fault.

package simulator

import "maps"

// Profile is how requests and notices go wrong by chance.
type Profile struct {
	// Name is what it is asked for by, and Says is what it does, in a few words.
	Name, Says string
	// Chances are faults in so many of a thousand requests, and Notices how notices go wrong.
	Chances map[Kind]int
	Notices NoticeFaults
}

var profiles = []Profile{
	{Name: "none", Says: "nothing goes wrong by itself"},
	{Name: "flaky", Says: "one request in ten fails, a third of those after it was carried out; notices come twice and late",
		Chances: map[Kind]int{DropBefore: 20, HTML502: 20, Limit429: 20, LockTimeout: 5, ExecuteThenDrop: 15, Truncate: 10, ExecuteThen500: 10},
		Notices: NoticeFaults{Doubled: 50, Late: 50, Mixed: true}},
	{Name: "hostile", Says: "half of all requests fail, in every way there is; a quarter of the notices is lost, others are doubled, late, forged and mixed up",
		Chances: map[Kind]int{DropBefore: 50, ExecuteThenDrop: 50, Truncate: 50, HTML502: 40, ExecuteThenHTML502: 40, HTML200: 30, Empty200: 30, Fail500: 40,
			ExecuteThen500: 50, Limit429: 60, LockTimeout: 30, Conflict409: 30},
		Notices: NoticeFaults{Lost: 250, Doubled: 200, Late: 200, Forged: 100, Mixed: true}},
	{Name: "busy", Says: "one request in three is told to come again later",
		Chances: map[Kind]int{Limit429: 200, LockTimeout: 80, Conflict409: 50}},
	{Name: "mute", Says: "requests go well and no notice ever comes", Notices: NoticeFaults{Lost: 1000}},
}

// Profiles returns all of them, the mildest first.
func Profiles() []Profile {
	all := make([]Profile, len(profiles))
	for i, p := range profiles {
		p.Chances = maps.Clone(p.Chances)
		all[i] = p
	}
	return all
}

// ProfileOf returns the profile of the name, and false if there is none.
func ProfileOf(name string) (Profile, bool) {
	for _, p := range Profiles() {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// Behave has requests and notices go wrong as the profile says, from now on.
func (s *Simulator) Behave(p Profile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Chances, s.o.Notices = maps.Clone(p.Chances), p.Notices
}
