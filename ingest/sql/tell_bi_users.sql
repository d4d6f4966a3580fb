select access.tell_bi_users()
