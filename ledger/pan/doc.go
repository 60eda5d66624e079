// Package pan finds card numbers in text, so that none is ever stored.
//
// A card number is 14, 15, 16 or 19 digits that begin like those of a known issuer and whose last digit checks the others.
// Single spaces, dashes or invisible characters may stand between the digits, and points or underscores between groups of four;
// letters and further digits may not touch them. Digits of every script
// count. Old card numbers of 13 digits are left out: they cannot be told from the order ids of shops, one in ten of which
// would be refused by accident.
package pan
