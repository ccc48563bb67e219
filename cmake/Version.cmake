# Writes OUTPUT from INPUT with VERSION and COMMIT (asked from git in SOURCE_DIR when empty), and
# leaves it alone when nothing changed.
if(NOT COMMIT)
  execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --abbrev=12 --dirty --exclude=*
                  OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                  RESULT_VARIABLE failed)
  if(failed)
    set(COMMIT unknown)
  endif()
endif()
configure_file(${INPUT} ${OUTPUT} @ONLY)
