# Writes the install script: first the catalog of query statistics, then the files of sql/order.txt.
#
# A line that begins with {FIRST..LAST} becomes one line for each column of the catalog from FIRST
# to LAST, in the catalog's order; without LAST, to the last column. {name} and {type} in the line
# become those of the column. A comma follows each line but the last one, and also the last one if
# the original line ends with a comma.

FILENAME ~ /catalog\/queries/ {
    if (match($0, /^ *(Count|Millis)\("[a-z_]+"/)) {
        split($0, quoted, "\"")
        name[++columns] = quoted[2]
        number[quoted[2]] = columns
        type[columns] = $0 ~ /Count/ ? "bigint" : "double precision"
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
