pganalytics_unit_test(courier_test SOURCES courier/address_guard_test.cpp courier/delivery_test.cpp
                      courier/sandbox_test.cpp LIBRARIES pganalytics_courier_lib)

# The real courier, started by a worker without PostgreSQL, against receivers of the tests.
add_test(NAME courier_program
         COMMAND /usr/bin/python3 -m pytest -q -s -p no:cacheprovider
                 ${CMAKE_CURRENT_SOURCE_DIR}/courier)
set_tests_properties(courier_program PROPERTIES
                     ENVIRONMENT "PGANALYTICS_COURIER=$<TARGET_FILE:pganalytics-courier>"
                     COST 50 TIMEOUT 300)
