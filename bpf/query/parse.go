// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/hex"
	"net/netip"
	"os/user"
	"strconv"
	"strings"
)

// parseNumber parses a number as Go and C write it.
func parseNumber(text string) (uint64, error) {
	if strings.HasPrefix(text, "-") {
		v, err := strconv.ParseInt(text, 0, 64)
		return uint64(v), err
	}
	return strconv.ParseUint(text, 0, 64)
}

func parseBool(text string) (uint64, error) {
	switch text {
	case "false", "0":
		return 0, nil
	case "true", "1":
		return 1, nil
	}
	return 0, strconv.ErrSyntax
}

func parseChar(text string) (uint64, error) {
	if len(text) != 1 {
		return 0, strconv.ErrSyntax
	}
	return uint64(text[0]), nil
}

func parseIP4(text string) (uint64, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return 0, strconv.ErrSyntax
	}
	b := a.As4()
	return uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3]), nil
}

func parseIP6(text string, _ int) ([]byte, error) {
	a, err := netip.ParseAddr(text)
	b := a.As16()
	return b[:], err
}

func parseHex(text string, size int) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) != size {
		err = strconv.ErrRange
	}
	return b, err
}

func parseDev(text string) (uint64, error) {
	major, minor, _ := strings.Cut(text, ":")
	a, err := strconv.ParseUint(major, 10, 32-minorBits)
	if err != nil {
		return 0, err
	}
	b, err := strconv.ParseUint(minor, 10, minorBits)
	return a<<minorBits | b, err
}

func parseUser(text string) (uint64, error) {
	if v, err := parseNumber(text); err == nil {
		return v, nil
	}
	u, err := user.Lookup(text)
	if err != nil {
		return 0, err
	}
	return parseNumber(u.Uid)
}

func parseGroup(text string) (uint64, error) {
	if v, err := parseNumber(text); err == nil {
		return v, nil
	}
	g, err := user.LookupGroup(text)
	if err != nil {
		return 0, err
	}
	return parseNumber(g.Gid)
}
