# Writes the install script. It reads the catalog of query statistics, then the table of the workers'
# counters, and then the files that sql/order.txt lists.
#
# A line that begins with {FIRST..LAST} is written once for each column of the catalog from FIRST to
# LAST, in the order of the catalog. {FIRST..} goes up to the last column. A line that begins with
# {worker_counters} is written once for each counter, in the order of the table. In each of these
# lines, {name} and {type} become those of the column. Each line but the last ends with a comma. The
# last one ends with a comma only if the original line does.

FILENAME ~ /catalog\/queries/ {
    if (match($0, /^ *(Count|Millis)\("[a-z_]+"/)) {
        split($0, quoted, "\"")
        name[++columns] = quoted[2]
        number[quoted[2]] = columns
        type[columns] = $0 ~ /Count/ ? "bigint" : "double precision"
    }
    next
}

FILENAME ~ /worker_counters/ {
    if (match($0, /^(WORKER|GATEWAY)_COUNTER[(]k[A-Za-z]+, [a-z_]+/)) {
        split($0, arguments, ", ")
        counter[++counters] = arguments[2]
    }
    next
}

match($0, /^ *[{]worker_counters[}] */) {
    line = substr($0, RLENGTH + 1)
    indent = substr($0, 1, index($0, "{") - 1)
    comma = sub(/,$/, "", line) ? "," : ""
    for (i = 1; i <= counters; ++i) {
        copy = line
        gsub(/[{]name[}]/, counter[i], copy)
        print indent copy (i < counters ? "," : comma)
    }
    next
}

!match($0, /^ *[{][a-z_]+[.][.][a-z_]*[}] */) {
    print
    next
}

{
    line = substr($0, RLENGTH + 1)
    indent = substr($0, 1, index($0, "{") - 1)
    split(substr($0, index($0, "{") + 1), range, /[.][.]|[}]/)
    first = number[range[1]]
    last = range[2] == "" ? columns : number[range[2]]
    if (first == 0 || last < first) {
        printf "%s:%d: no such columns: %s\n", FILENAME, FNR, $0 | "cat >&2"
        exit 1
    }
    comma = sub(/,$/, "", line) ? "," : ""
    for (i = first; i <= last; ++i) {
        copy = line
        gsub(/[{]name[}]/, name[i], copy)
        gsub(/[{]type[}]/, type[i], copy)
        print indent copy (i < last ? "," : comma)
    }
}
