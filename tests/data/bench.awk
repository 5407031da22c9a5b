# SPDX-License-Identifier: GPL-3.0-or-later
#
# For the benchmarks: lines "ROUND NAME SECONDS" in, medians over `rounds` rounds out. With -v script=NAME
# and -v rounds=N; a program of one's own follows.

function median(values, n,   i, j, v) {
	for (i = 2; i <= n; i++) {
		v = values[i]
		for (j = i - 1; j > 0 && values[j] > v; j--)
			values[j + 1] = values[j]
		values[j + 1] = v
	}
	return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}
function column(name,   i, v) {
	for (i = 1; i <= rounds; i++) v[i] = time[i, name]
	return median(v, rounds)
}
function ratio(what, name,   i, v) {
	for (i = 1; i <= rounds; i++) v[i] = time[i, what] / time[i, name]
	return median(v, rounds)
}
function difference(what, name,   i, v) {
	for (i = 1; i <= rounds; i++) v[i] = time[i, what] - time[i, name]
	return median(v, rounds)
}
function limit(what, value, most) {
	if (value <= most) return
	printf script ": %s: %.3f, at most %.3f was promised\n", what, value, most > "/dev/stderr"
	missed = 1
}

{ time[$1, $2] = $3 }
