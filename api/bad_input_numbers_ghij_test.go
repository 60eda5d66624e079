package api

// numbersGHIJ are injection and exports, HTTP, authentication, authority.
var numbersGHIJ = []badInputNumber{}
