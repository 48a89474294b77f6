# What is pending and which bottles there are is asked of the program; all else stands above.
_supervise_told() {
    local line
    local -a values shown
    for line in "${(@f)$(command supervise __complete $((CURRENT - 1)) "${words[@]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        values+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  }")
    done
    if (($#values)); then
        compadd -l -V told -d shown -a values
    else
        _supervise "$@"
    fi
}

if [ "$funcstack[1]" = "_supervise" ]; then
    _supervise_told "$@"
fi
compdef _supervise_told supervise
