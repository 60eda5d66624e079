package api

// numbersKL are notices from processors and what is sent out to others.
var numbersKL = []badInputNumber{}
