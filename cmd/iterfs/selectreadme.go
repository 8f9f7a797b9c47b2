// SPDX-License-Identifier: Apache-2.0

package main

// appendSelectReadme writes the file select/README.
func (s *system) appendSelectReadme(dst []byte) []byte {
	return append(dst, `todo
`...)
}
