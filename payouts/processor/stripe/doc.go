// Package stripe is the driver of Stripe, by its own library. It is the only package that imports the library.
//
// The library is not trusted with three things. It never repeats a request by itself: its retries are off, and so is the
// silent repetition of Go's HTTP client, so that every sending is one the caller has recorded. What it decodes is not used
// for money: it reads decimals as floats and lacks newer fields, so every object is read from the answer's bytes. And its
// iterators are asked for one page at a time, since they take a broken page for the last one.
//
// The API version is the library's, 2024-06-20. Create both webhook endpoints with that version.
package stripe
