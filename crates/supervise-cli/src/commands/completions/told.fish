
# What is pending and which bottles there are is asked of the program; all else stands above.
complete -c supervise -k -a '(command supervise __complete (count (commandline -opc)) (commandline -opc) (commandline -ct) 2>/dev/null)'
