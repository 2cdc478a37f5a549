# Two tests wait until a gateway gives a push up, so their files run in parallel with the others.
# COST starts the longest ones first.
set(gateway_program /usr/bin/python3 -m pytest -q -s -p no:cacheprovider)
set(gateway_pushes ${CMAKE_CURRENT_SOURCE_DIR}/gateway/test_fairness.py
                   ${CMAKE_CURRENT_SOURCE_DIR}/gateway/test_push.py)
add_test(NAME gateway_program_pushes COMMAND ${gateway_program} ${gateway_pushes})
list(TRANSFORM gateway_pushes PREPEND --ignore= OUTPUT_VARIABLE not_pushes)
add_test(NAME gateway_program
         COMMAND ${gateway_program} ${not_pushes} ${CMAKE_CURRENT_SOURCE_DIR}/gateway)
set_tests_properties(gateway_program gateway_program_pushes PROPERTIES
                     ENVIRONMENT "PGANALYTICS_GATEWAY=$<TARGET_FILE:pganalytics-gateway>"
                     COST 100 TIMEOUT 300)

pganalytics_unit_test(gateway_test SOURCES gateway/frame_queue_test.cpp
                      ${PROJECT_SOURCE_DIR}/src/gateway/process/frame_queue.cpp
                      LIBRARIES pganalytics_protocol)
