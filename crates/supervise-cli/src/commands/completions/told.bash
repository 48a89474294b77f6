
# What is pending and which bottles there are is asked of the program; all else stands above.
_supervise_told() {
    local line found=()
    while IFS= read -r line; do
        found+=("$line")
    done < <(command supervise __complete "$COMP_CWORD" "${COMP_WORDS[@]}" 2>/dev/null)
    if ((${#found[@]} == 0)); then
        _supervise "$@"
        return
    fi
    COMPREPLY=()
    for line in "${found[@]}"; do
        # The description is for lists only: it must never be put on the command line.
        if ((${#found[@]} == 1)) || [[ $COMP_TYPE == 37 || $COMP_TYPE == 42 ]]; then
            COMPREPLY+=("${line%%$'\t'*}")
        else
            COMPREPLY+=("${line/$'\t'/  }")
        fi
    done
}

complete -o bashdefault -o default -F _supervise_told supervise
